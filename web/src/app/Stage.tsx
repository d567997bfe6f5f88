import { VideoStage } from "../video/VideoStage";
import { CameraStage } from "./CameraStage";
import { PhotoStage } from "./PhotoStage";
import { source } from "./state";

/** The image with its boxes, and what can be done with it. */
export function Stage() {
  const now = source.value;
  if (now.kind === "camera") return <CameraStage key={now.id} onStage={now.signal} />;
  if (now.kind === "video") return <VideoStage key={now.id} onStage={now.signal} file={now.file} />;
  return <PhotoStage />;
}
