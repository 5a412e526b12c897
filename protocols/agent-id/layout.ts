import { CooeeError } from '../interface/index.ts';

/** What a token says. */
export interface TokenFields {
  /** Layout version: 1 or 2 in every token that is granted; 0-7 fit. */
  readonly version: number;
  /** The number of a model on a host: 0-1023 in version 1, 0-16777215 in version 2. */
  readonly host: number;
  /** GPU slot, 0-15. */
  readonly gpu: number;
  /** Reserved bits, 0 in every token that is granted: 0-3 in version 1, 0-1 in version 2. */
  readonly reserved: number;
}

/** A token taken apart: its fields and the checksum that it carries. */
export interface UnpackedToken extends TokenFields {
  readonly checksum: number;
}

/**
 * How a token's bits are cut, most significant first: version (3 bits), host, gpu, reserved,
 * checksum.
 */
export interface TokenLayout {
  /** The version that tokens of this layout carry. */
  readonly version: number;
  readonly symbols: number;
  readonly hostBits: number;
  readonly gpuBits: number;
  readonly reservedBits: number;
  readonly checksumBits: number;
}

/** 25 bits in 5 symbols. */
export const TOKEN_V1: TokenLayout = {
  version: 1,
  symbols: 5,
  hostBits: 10,
  gpuBits: 4,
  reservedBits: 2,
  checksumBits: 6,
};

/** 40 bits in 8 symbols; granted from number 1024 on. */
export const TOKEN_V2: TokenLayout = {
  version: 2,
  symbols: 8,
  hostBits: 24,
  gpuBits: 4,
  reservedBits: 1,
  checksumBits: 8,
};

const VERSION_MAX = 7;

/** Everything but the checksum as one unsigned number: 19 bits in version 1, 32 in version 2. */
export function prefixOf(layout: TokenLayout, fields: TokenFields): number {
  const { hostBits, gpuBits, reservedBits } = layout;
  checkRange('version', fields.version, VERSION_MAX);
  checkRange('host', fields.host, 2 ** hostBits - 1);
  checkRange('gpu', fields.gpu, 2 ** gpuBits - 1);
  checkRange('reserved', fields.reserved, 2 ** reservedBits - 1);
  const versioned = (fields.version << hostBits) | fields.host;
  return ((((versioned << gpuBits) | fields.gpu) << reservedBits) | fields.reserved) >>> 0;
}

/** Takes a prefix apart again; never fails. */
export function fieldsOf(layout: TokenLayout, prefix: number, checksum: number): UnpackedToken {
  const { hostBits, gpuBits, reservedBits } = layout;
  return {
    version: prefix >>> (hostBits + gpuBits + reservedBits),
    host: (prefix >>> (gpuBits + reservedBits)) & (2 ** hostBits - 1),
    gpu: (prefix >>> reservedBits) & (2 ** gpuBits - 1),
    reserved: prefix & (2 ** reservedBits - 1),
    checksum,
  };
}

function checkRange(field: keyof TokenFields, value: number, max: number): void {
  // The unsigned shift keeps exactly the integers 0 to 2^32 - 1 as they are.
  if (value >>> 0 === value && value <= max) return;
  throw new CooeeError('ERR_AGENT_ID_RANGE', `The ${field} must be a whole number 0-${max}.`, {
    details: { field, value: Number.isFinite(value) ? value : String(value), max },
  });
}

const CRC8_POLYNOMIAL = 0x07;
const CRC8_TABLE = Uint8Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    crc = crc & 0x80 ? ((crc << 1) ^ CRC8_POLYNOMIAL) & 0xff : crc << 1;
  }
  return crc;
});

/**
 * CRC-8 (polynomial 0x07, init 0, no reflection, no final xor) over a 32-bit prefix as 4 big-endian
 * bytes. With it the 40 bits are a multiple of x^8+x^2+x+1. A changed symbol is a burst of at most
 * 5 bits; a swap of neighbours is d(x)(x^5+1) with d of degree 4 or less, and the polynomial's
 * factor of degree 7 divides neither d nor x^5+1: no such error is a multiple, so each one shows.
 */
export function crc8(prefix: number): number {
  let crc = 0;
  for (let shift = 24; shift >= 0; shift -= 8) {
    crc = CRC8_TABLE[crc ^ ((prefix >>> shift) & 0xff)] ?? 0;
  }
  return crc;
}
