/** What is used of the library to write videos; a file of its own is fetched when needed. */
export {
  Conversion,
  getFirstEncodableVideoCodec,
  Mp4OutputFormat,
  Output,
  QUALITY_HIGH,
  StreamTarget,
  WebMOutputFormat,
} from "mediabunny";
