import { useId } from "preact/hooks";

import type { HeadPose } from "../engine/faces";
import { words } from "../words";

/** The drawing's size; the face looks out of it, so that its right eye is at the left. */
const WIDTH = 120;
const HEIGHT = 136;
const MIDDLE = 60;
const EYE_Y = 57;
const MOUTH_Y = 96;
/** How far the features move over the head when it is turned to its side, and up. */
const TURN = 11;
const NOD = 10;

type Units = Record<string, number>;
const SIDES = [
  { side: "Right", sign: -1 },
  { side: "Left", sign: 1 },
] as const;
type Side = (typeof SIDES)[number];

/** A face whose brows, lids, mouth and jaw move as expression units say. */
export function FaceDiagram({
  units,
  pose,
  mirrored,
}: {
  units: Units;
  pose: HeadPose;
  mirrored: boolean;
}) {
  const sine = (angle_deg: number) => Math.sin((angle_deg * Math.PI) / 180);
  const [x, y] = [TURN * sine(pose.yaw_deg), -NOD * sine(pose.pitch_deg)];
  const flip = mirrored ? `translate(${WIDTH} 0) scale(-1 1) ` : "";
  return (
    <svg
      class="face-diagram"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={words().units.drawing}
    >
      <g transform={`${flip}rotate(${pose.roll_deg.toFixed(1)} ${MIDDLE} ${HEIGHT / 2})`}>
        <path class="head" d={headPath(units)} />
        <g transform={`translate(${x.toFixed(1)} ${y.toFixed(1)})`}>
          {SIDES.map((each) => (
            <Eye key={each.side} units={units} side={each} />
          ))}
          {SIDES.map((each) => (
            <path key={each.side} class="brow" d={browPath(units, each)} />
          ))}
          <path d="M54.5 76.5q5.5 5 11 0" />
          <Mouth units={units} />
        </g>
      </g>
    </svg>
  );
}

function headPath(units: Units): string {
  const chin = 118 + 9 * units.jawOpen!;
  const x = MIDDLE + 5 * (units.jawLeft! - units.jawRight!);
  return [
    "M17 54C17 23 36 8 60 8S103 23 103 54",
    `C103 82 ${x + 36} ${chin - 15} ${x + 18} ${chin - 3}`,
    `C${x + 8} ${chin + 2} ${x - 8} ${chin + 2} ${x - 18} ${chin - 3}`,
    `C${x - 36} ${chin - 15} 17 82 17 54Z`,
  ].join("");
}

function Eye({ units, side: { side, sign } }: { units: Units; side: Side }) {
  const id = useId();
  const of = (name: string) => units[`${name}${side}`]!;
  const x = MIDDLE + 19.5 * sign;
  const closed = of("eyeBlink");
  const squint = of("eyeSquint") * (1 - closed);
  const lower = 7 - 3 * squint - 1 * closed;
  const open = 13.5 + 7 * of("eyeWide") - 3 * squint;
  // A closed eye's upper lid lies on the lower one.
  const upper = Math.max(open + (-lower - open) * Math.min(1, 1.15 * closed), -lower);
  const lids = `M${x - 11} ${EYE_Y}Q${x} ${EYE_Y - upper} ${x + 11} ${EYE_Y}Q${x} ${EYE_Y + lower} ${x - 11} ${EYE_Y}Z`;
  const across = 4.5 * sign * (of("eyeLookOut") - of("eyeLookIn"));
  const down = 3 * (of("eyeLookDown") - of("eyeLookUp"));
  return (
    <>
      <clipPath id={id}>
        <path d={lids} />
      </clipPath>
      <path class="eye" d={lids} />
      <circle
        class="pupil"
        cx={x + across}
        cy={EYE_Y - 1 + down}
        r="3.8"
        clip-path={`url(#${id})`}
      />
    </>
  );
}

function browPath(units: Units, { side, sign }: Side): string {
  const [down, outer] = [units[`browDown${side}`]!, units[`browOuterUp${side}`]!];
  const inner = units.browInnerUp!;
  const start = `${MIDDLE + sign * (10 - 2 * down)} ${41 - 8 * inner + 7 * down}`;
  const bend = `${MIDDLE + sign * 22} ${35 - 5 * inner - 6 * outer + 5 * down}`;
  const end = `${MIDDLE + sign * 32} ${43 - 8 * outer + 2 * down}`;
  return `M${start}Q${bend} ${end}`;
}

function Mouth({ units }: { units: Units }) {
  const middle = MIDDLE + 7 * (units.mouthLeft! - units.mouthRight!);
  const narrow = 9 * units.mouthPucker! + 6 * units.mouthFunnel!;
  const both = (name: string) => (units[`${name}Left`]! + units[`${name}Right`]!) / 2;
  const corner = ({ side, sign }: Side) => {
    const of = (name: string) => units[`mouth${name}${side}`]!;
    const wide = 17 + 4 * of("Smile") + 4 * of("Stretch") + 2 * of("Dimple") - narrow;
    const y = MOUTH_Y - 8 * of("Smile") + 7 * of("Frown") + 2 * of("Stretch") + 3 * units.jawOpen!;
    return { x: middle + sign * Math.max(wide, 5), y };
  };
  const [right, left] = SIDES.map(corner) as [{ x: number; y: number }, { x: number; y: number }];
  const open = Math.max(0, units.jawOpen! - units.mouthClose!);
  const upper = MOUTH_Y - 4 * both("mouthUpperUp") - 2 * units.mouthFunnel!;
  const lower =
    MOUTH_Y +
    17 * open +
    5 * both("mouthLowerDown") +
    4 * units.mouthFunnel! -
    3 * units.mouthShrugLower!;
  // A curve goes half-way to its control point.
  const reach = (y: number) => 2 * y - (right.y + left.y) / 2;
  const thin = Math.max(both("mouthPress"), units.mouthRollLower!, units.mouthRollUpper!);
  return (
    <path
      class="lips"
      stroke-width={(3 - 1.4 * thin + 1.2 * units.mouthPucker!).toFixed(2)}
      d={
        `M${right.x} ${right.y}Q${middle} ${reach(upper)} ${left.x} ${left.y}` +
        `Q${middle} ${reach(Math.max(upper, lower))} ${right.x} ${right.y}Z`
      }
    />
  );
}
