/**
 * Holds the contract to the rules of `mien.spec` before anything is run: a contract that was edited
 * or damaged is told by the field's name, with what was expected and what came.
 */
import { POSE_OUTPUT, UNITS_OUTPUT } from "../units/names";
import type { Contract } from "./contract";

type Table = Record<string, unknown>;
type Range = [low: number, high: number];

/** The numbers of each table of rules. */
const RULES: { [Name in keyof Contract]?: readonly (keyof Contract[Name] & string)[] } = {
  smoothing: ["time_constant_s", "margin", "forget_s", "min_probability"],
  baseline: ["prior", "observation_s", "max_step_s", "neutral_weight", "min_probability"],
  tracking: ["max_gap_s", "max_distance", "max_scale_change", "max_compared_s", "velocity_weight"],
  scenes: [
    "min_scene_correlation",
    "min_person_correlation",
    "moved_correlation",
    "columns",
    "rows",
    "samples",
    "max_shift_across",
    "max_shift_down",
    "appearance_px",
    "detail_px",
    "min_contrast",
    "margin",
    "min_pixels_share",
  ],
  people: ["min_share", "min_share_searches"],
  track_timeout: ["min_intervals", "newest_interval_weight"],
  video: ["detections_per_s", "detection_interval_s", "max_held_frames"],
  events: ["min_duration_s", "max_gap_s"],
  detection: [
    "min_face_px",
    "network_face_px",
    "max_input_px",
    "tile_overlap_px",
    "small_input_px",
    "largest_face_share",
    "live_face_px",
    "live_side_px",
  ],
  unit_rules: ["min_face_px", "max_pose_deg", "max_roll_deg", "sure_score", "view_face_px"],
  unsure: [
    "min_size_px",
    "max_truncation",
    "max_yaw_proxy",
    "max_roll_deg",
    "max_pitch_deg",
    "min_brightness",
  ],
};

const LIMITS = [
  "side_px",
  "multiple_of",
  "mean",
  "std",
  "temperature",
  "landmark",
  "landmark_gap",
  "weight",
  "bias",
  "centre",
  "stride",
  "share",
  "score_threshold",
  "nms_iou",
  "max_face_px",
] as const;

/** Return a document as the contract that it is, or throw what is wrong with it. */
export function checkContract(document: unknown): Contract {
  const contract = table("the document", document);
  text("version", contract.version);
  for (const sample of list("samples", contract.samples))
    text("samples", table("samples", sample).file);
  const labels = texts("labels", contract.labels);
  texts("colours", Object.values(table("colours", contract.colours)));
  const sets = table("label_sets", contract.label_sets);
  for (const [name, set] of Object.entries(sets))
    labelSet(`label_sets.${name}`, set, labels.length);
  for (const [name, keys] of Object.entries(RULES)) {
    const rules = table(name, contract[name]);
    for (const key of keys) number(`${name}.${key}`, rules[key]);
  }
  const lines = list("people.enough", (contract.people as Table).enough);
  demand(lines.length > 0, "people.enough", "a line", lines);
  for (const line of lines) {
    for (const key of ["score", "detections", "duration_s"]) {
      number(`people.enough.${key}`, table("people.enough", line)[key]);
    }
  }
  const limits = table("limits", contract.limits);
  for (const name of LIMITS) numbers(`limits.${name}`, limits[name], 2);
  new Checker(limits as Record<(typeof LIMITS)[number], Range>, sets, labels.length).models(
    contract,
  );
  return document as Contract;
}

class Checker {
  constructor(
    private readonly limits: Record<(typeof LIMITS)[number], Range>,
    private readonly sets: Table,
    private readonly count: number,
  ) {}

  models(contract: Table): void {
    const emotion = this.model("emotion", contract.emotion);
    const face = this.model("face", contract.face);
    this.emotion(emotion);
    this.face(face);
    this.units(contract);
  }

  /** Check what both kinds of models have, and return the spec. */
  private model(field: string, found: unknown, sets = this.sets): Table {
    const file = table(field, found);
    text(`${field}.file`, file.file);
    demand(
      /^[0-9a-f]{64}$/.test(text(`${field}.sha256`, file.sha256)),
      `${field}.sha256`,
      "64 hexadecimal digits",
      file.sha256,
    );
    demand(
      number(`${field}.bytes`, file.bytes) > 0,
      `${field}.bytes`,
      "a number above 0",
      file.bytes,
    );
    const spec = table(`${field}.spec`, file.spec);
    const input = table(`${field}.spec.input`, spec.input);
    text(`${field}.spec.input.name`, input.name);
    const channels = input.colour === "grey" ? 1 : 3;
    for (const name of ["mean", "std"] as const) {
      const at = `${field}.spec.input.${name}`;
      for (const value of numbers(at, input[name], channels)) this.inside(at, value, name);
    }
    this.whole(`${field}.spec.input.multiple_of`, input.multiple_of, "multiple_of");
    const names = outputs(spec).map((output) => text(`${field}.spec.outputs`, output.name));
    demand(new Set(names).size === names.length, `${field}.spec.outputs`, "different names", names);
    for (const { labels } of outputs(spec)) {
      const known = labels === null || (typeof labels === "string" && labels in sets);
      demand(known, `${field}.spec.outputs`, "null or a name of label_sets", labels);
    }
    return spec;
  }

  private emotion(spec: Table): void {
    this.crop("emotion", spec);
    const six = table("emotion.spec.six", spec.six);
    const weights = table("emotion.spec.six.weights", six.weights);
    let total = 0;
    for (const [head, weight] of Object.entries(weights)) {
      total += this.inside("emotion.spec.six.weights", weight, "weight");
      const set = outputs(spec).find((output) => output.name === head)?.labels;
      const known = typeof set === "string" && Object.hasOwn(this.sets, set);
      demand(known, "emotion.spec.six.weights", "heads with labels", head);
    }
    demand(Math.abs(total - 1) < 1e-6, "emotion.spec.six.weights", "a sum of 1", total);
    for (const value of numbers("emotion.spec.six.bias", six.bias, this.count)) {
      this.inside("emotion.spec.six.bias", value, "bias");
    }
    this.inside("emotion.spec.six.temperature", six.temperature, "temperature");
    this.inside("emotion.spec.six.unsure_below", six.unsure_below, "share");
    if (six.baseline !== null) this.baseline(table("emotion.spec.six.baseline", six.baseline));
  }

  private baseline(found: Table): void {
    const field = "emotion.spec.six.baseline";
    const rows = list(`${field}.centres`, found.centres);
    const square = rows.length === this.count;
    demand(square, `${field}.centres`, `${this.count} rows`, found.centres);
    for (const row of rows) this.centres(`${field}.centres`, row);
    this.centres(`${field}.neutral`, found.neutral);
  }

  private centres(field: string, found: unknown): void {
    for (const value of numbers(field, found, this.count)) this.inside(field, value, "centre");
  }

  /** Check the network of expression units, and the rules about them. */
  private units(contract: Table): void {
    const found = table("units", contract.units);
    const sets = table("units.spec.label_sets", table("units.spec", found.spec).label_sets);
    for (const [name, labels] of Object.entries(sets)) {
      texts(`units.spec.label_sets.${name}`, labels);
    }
    const spec = this.model("units", found, sets);
    this.crop("units", spec);
    for (const name of [UNITS_OUTPUT, POSE_OUTPUT]) {
      const output = outputs(spec).find((each) => each.name === name);
      demand(typeof output?.labels === "string", "units.spec.outputs", `${name} with labels`, name);
    }
    const view = table("unit_rules.view", (contract.unit_rules as Table).view);
    this.whole("unit_rules.view.size", view.size, "side_px");
    this.landmarks("unit_rules.view.landmarks_xy", view.landmarks_xy);
    for (const each of list("action_units", contract.action_units)) {
      const action = table("action_units", each);
      text("action_units.label", action.label);
      texts("action_units.units", action.units);
    }
  }

  /** Check that the input of a model is the crop of a face. */
  private crop(model: string, spec: Table): void {
    const crop = table(`${model}.spec.crop`, spec.crop);
    const size = this.whole(`${model}.spec.crop.size`, crop.size, "side_px");
    const input = spec.input as Table;
    demand(input.colour === "grey", `${model}.spec.input.colour`, "grey", input.colour);
    for (const side of ["height", "width"]) {
      demand(
        input[side] === size,
        `${model}.spec.input.${side}`,
        `${size}, as crop.size says`,
        input[side],
      );
    }
    this.landmarks(`${model}.spec.crop.landmarks_xy`, crop.landmarks_xy);
  }

  private landmarks(field: string, found: unknown): void {
    const points = list(field, found).map((point) => numbers(field, point, 2));
    demand(points.length === 5, field, "five points", found);
    for (const value of points.flat()) this.inside(field, value, "landmark");
    const [right, left, nose, mouthRight, mouthLeft] = points.map(([x, y]) => ({ x: x!, y: y! }));
    const gap = this.limits.landmark_gap[0];
    const across = Math.min(left!.x - right!.x, mouthLeft!.x - mouthRight!.x);
    demand(
      across >= gap,
      field,
      "the person's right side on the left: the crop is not mirrored",
      found,
    );
    const eyes = (right!.y + left!.y) / 2;
    const mouth = (mouthRight!.y + mouthLeft!.y) / 2;
    const upright = eyes < nose!.y && nose!.y < mouth && mouth - eyes >= gap;
    demand(upright, field, "eyes above the nose and the nose above the mouth", found);
  }

  private face(spec: Table): void {
    const input = spec.input as Table;
    const colour = input.colour === "rgb" || input.colour === "bgr";
    demand(colour, "face.spec.input.colour", "rgb or bgr", input.colour);
    for (const side of ["height", "width"]) {
      demand(input[side] === null, `face.spec.input.${side}`, "null", input[side]);
    }
    const detection = table("face.spec.detection", spec.detection);
    demand(detection.layout === "yunet", "face.spec.detection.layout", "yunet", detection.layout);
    const field = "face.spec.detection.strides";
    const strides = list(field, detection.strides).map((one) => this.whole(field, one, "stride"));
    const different = strides.length > 0 && new Set(strides).size === strides.length;
    demand(different, field, "different strides", strides);
    const levels = outputs(spec).flatMap(
      ({ name }) => /^(?:cls|obj|bbox|kps)_(\d+)$/.exec(String(name))?.[1] ?? [],
    );
    const all = levels.every((level) => strides.includes(Number(level)));
    demand(all, field, "all strides that outputs have", strides);
    const multiple = input.multiple_of as number;
    const fits = strides.every((stride) => multiple % stride === 0);
    demand(
      fits,
      "face.spec.input.multiple_of",
      `a multiple of the strides ${strides.join(", ")}`,
      multiple,
    );
    this.inside(
      "face.spec.detection.score_threshold",
      detection.score_threshold,
      "score_threshold",
    );
    this.inside("face.spec.detection.nms_iou", detection.nms_iou, "nms_iou");
    this.whole("face.spec.detection.max_face_px", detection.max_face_px, "max_face_px");
  }

  private inside(field: string, found: unknown, limit: (typeof LIMITS)[number]): number {
    const [low, high] = this.limits[limit];
    const value = number(field, found);
    demand(value >= low && value <= high, field, `a number from ${low} to ${high}`, found);
    return value;
  }

  private whole(field: string, found: unknown, limit: (typeof LIMITS)[number]): number {
    const value = this.inside(field, found, limit);
    demand(Number.isInteger(value), field, "a whole number", found);
    return value;
  }
}

function outputs(spec: Table): Table[] {
  return list("spec.outputs", spec.outputs).map((output) => table("spec.outputs", output));
}

function labelSet(field: string, found: unknown, count: number): void {
  const set = table(field, found);
  const labels = texts(`${field}.labels`, set.labels);
  const places = list(`${field}.six`, set.six);
  demand(places.length === labels.length, `${field}.six`, `${labels.length} places`, places);
  for (const place of places) {
    const known = Number.isInteger(place) && (place as number) >= 0 && (place as number) < count;
    demand(place === null || known, `${field}.six`, `null or 0 to ${count - 1}`, place);
  }
}

function demand(right: boolean, field: string, expected: string, found: unknown): void {
  if (right) return;
  throw new Error(`field '${field}': expected ${expected}, found ${shown(found)}`);
}

function shown(found: unknown): string {
  if (found === undefined) return "nothing";
  let written: string;
  try {
    written = JSON.stringify(found);
  } catch {
    return typeof found; // nested too deeply
  }
  return written.length > 100 ? `${written.slice(0, 100)}...` : written;
}

function table(field: string, found: unknown): Table {
  const right = typeof found === "object" && found !== null && !Array.isArray(found);
  demand(right, field, "a table", found);
  return found as Table;
}

function list(field: string, found: unknown): unknown[] {
  demand(Array.isArray(found), field, "a list", found);
  return found as unknown[];
}

function text(field: string, found: unknown): string {
  demand(typeof found === "string" && found.trim() !== "", field, "a text", found);
  return found as string;
}

function texts(field: string, found: unknown): string[] {
  return list(field, found).map((one) => text(field, one));
}

function number(field: string, found: unknown): number {
  demand(typeof found === "number" && Number.isFinite(found), field, "a finite number", found);
  return found as number;
}

function numbers(field: string, found: unknown, count: number): number[] {
  const values = list(field, found).map((one) => number(field, one));
  demand(values.length === count, field, `${count} numbers`, found);
  return values;
}
