// Says which expression a face shows, by any model file of mien: its spec says all but the labels.
// npm install onnxruntime-web && node classify.mjs emotion.onnx crop.pgm (a grey face, binary PGM)
import { readFile } from "node:fs/promises";
import * as ort from "onnxruntime-web";

const SIX = ["happy", "neutral", "sad", "angry", "fear", "surprise"];
const LABELS = {
  six: SIX,
  "fer2013-7": ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"],
  "ferplus-8": ["neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt"],
};

const PGM = /^P5(?:\s|#.*\n)+(\d+)(?:\s|#.*\n)+(\d+)(?:\s|#.*\n)+255\s/;

/** Yield the fields of a protobuf message that are bytes: an ONNX file is such a message. */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    for (let value = 0, factor = 1; ; factor *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const length = tag % 8 === 2 ? varint() : { 1: 8, 5: 4 }[tag % 8];
    if (length === undefined) varint();
    else yield [Math.floor(tag / 8), bytes.subarray(at, at + length)];
    at += length ?? 0;
  }
}

/** Read the spec, a JSON document in the model's metadata: field 14, of keys and values. */
function readSpec(file) {
  for (const [number, entry] of fields(file)) {
    if (number !== 14) continue;
    const [key, value] = [...fields(entry)].map(([, text]) => new TextDecoder().decode(text));
    if (key === "mien.spec") return JSON.parse(value);
  }
  return { task: "no mien.spec" };
}

/** Return the pixels of a binary PGM of a size. */
function readPixels(file, { width, height }) {
  const [head, ...size] = PGM.exec(file.toString("latin1")) ?? [""];
  if (size.join("x") !== `${width}x${height}` || file.length < head.length + width * height)
    throw new Error(`${image}: expected a whole binary PGM, ${width}x${height}, of 8 bits`);
  return Float32Array.from(file.subarray(head.length, head.length + width * height));
}

function softmax(logits) {
  const powers = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
  return powers.map((power) => power / powers.reduce((sum, each) => sum + each));
}

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});
const [network, image] = process.argv.slice(2);
if (!image) throw new Error("usage: node classify.mjs emotion.onnx crop.pgm");
const [model, crop] = await Promise.all([readFile(network), readFile(image)]);
const { task, input, outputs, six } = readSpec(model);
if (task !== "emotion") throw new Error(`${network}: expected an emotion network, found ${task}`);
const values = readPixels(crop, input).map((value) => (value - input.mean[0]) / input.std[0]);
const tensor = new ort.Tensor("float32", values, [1, 1, input.height, input.width]);
const found = await (await ort.InferenceSession.create(model)).run({ [input.name]: tensor });
const logs = six.bias.slice();
for (const [head, weight] of Object.entries(six.weights)) {
  const labels = LABELS[outputs.find((output) => output.name === head).labels];
  const p = Object.fromEntries(softmax([...found[head].data]).map((each, i) => [labels[i], each]));
  p.angry += p.disgust ?? 0;
  const total = SIX.reduce((sum, label) => sum + p[label], 0); // contempt is left out
  for (const [i, label] of SIX.entries()) logs[i] += weight * Math.log(p[label] / total);
}
const answer = softmax(logs.map((log) => log / six.temperature)).map((p, i) => [SIX[i], p]);
console.log(JSON.stringify(Object.fromEntries(answer)));
