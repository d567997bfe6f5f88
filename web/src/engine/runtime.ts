declare const __RUNTIME_BYTES__: number;

/** Size of the WebAssembly that runs the models; the build fills it in. */
export const RUNTIME_BYTES = __RUNTIME_BYTES__;
