/** What is used of the library that opens containers; a file of its own is fetched when needed. */
export {
  BlobSource,
  EncodedPacketSink,
  Input,
  type InputVideoTrack,
  MATROSKA,
  MP4,
  MPEG_TS,
  QTFF,
  VideoSampleSink,
  WEBM,
} from "mediabunny";
