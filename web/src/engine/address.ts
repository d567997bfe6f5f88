import type { ModelFile } from "./contract";

/** Where a model's file lies; its hash is part of the address, so that a new one is fetched. */
export function modelAddress(base: string, model: ModelFile): string {
  return new URL(`models/${model.file}?v=${model.sha256.slice(0, 16)}`, base).href;
}
