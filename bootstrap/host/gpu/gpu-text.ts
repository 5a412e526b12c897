import type { Gpu, GpuVendor } from '../types.ts';

/** A GPU that has no slot number yet. */
export type FoundGpu = Omit<Gpu, 'index'>;

const TEXT_LENGTH_MAX = 64;
const MEMORY_MB_MAX = 64 * 1024 * 1024;
const VENDORS: readonly (readonly [RegExp, GpuVendor])[] = [
  [/nvidia/i, 'nvidia'],
  [/\bamd\b|\bati\b|advanced micro devices|radeon/i, 'amd'],
  [/intel/i, 'intel'],
  [/apple/i, 'apple'],
];

/** Text of a tool as one short printable line; `|` is the separator of an agent's tuple. */
export function cleanText(text: string): string {
  const line = text.replaceAll(/[|\p{C}\p{Z}]+/gu, ' ').trim();
  return Array.from(line).slice(0, TEXT_LENGTH_MAX).join('').trim();
}

/**
 * The vendor that a text names, or undefined: boards for a screen alone (ASPEED, Matrox, virtual
 * ones) are no slot.
 */
export function vendorOf(text: string): GpuVendor | undefined {
  return VENDORS.find(([pattern]) => pattern.test(text))?.[1];
}

/** The field `memoryMb`, or no field when the number makes no sense. */
export function memoryOf(memoryMb: number): { readonly memoryMb?: number } {
  const rounded = Math.round(memoryMb);
  return rounded > 0 && rounded <= MEMORY_MB_MAX ? { memoryMb: rounded } : {};
}

/** The field `uuid`, or no field when the tool says that there is none. */
export function uuidOf(text: string | undefined): { readonly uuid?: string } {
  const uuid = cleanText(text ?? '');
  return uuid === '' || /^\[?n\/?a\]?$|not supported/i.test(uuid) ? {} : { uuid };
}
