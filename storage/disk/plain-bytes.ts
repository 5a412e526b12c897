const NONE = new Uint8Array(0);

/**
 * LevelDB hands out Buffers, which compare and slice unlike a Uint8Array, and nothing for a value
 * that was not to be read.
 */
export function plainBytes(value: Uint8Array | undefined): Uint8Array {
  if (value === undefined) return NONE;
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}
