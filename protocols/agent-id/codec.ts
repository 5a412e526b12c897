import { CooeeError, type ErrorCode, type Hash } from '../interface/index.ts';
import { foldSymbols, readSymbols, writeSymbols } from './crockford.ts';
import {
  crc8,
  fieldsOf,
  prefixOf,
  TOKEN_V1,
  TOKEN_V2,
  type TokenFields,
  type TokenLayout,
  type UnpackedToken,
} from './layout.ts';

/** The codes that a text may be refused with, in the order of the checks. */
export type TokenRefusal = Extract<
  ErrorCode,
  | 'ERR_AGENT_ID_SYMBOL'
  | 'ERR_AGENT_ID_LENGTH'
  | 'ERR_AGENT_ID_CHECKSUM'
  | 'ERR_AGENT_ID_VERSION'
  | 'ERR_AGENT_ID_RESERVED'
>;

/** Writes and reads agent tokens. Layout and examples: docs/protocols/agent-id.md. */
export interface TokenCodec {
  /**
   * The token of these fields: 8 symbols when the version is 2, otherwise 5. Structural: unknown
   * versions and reserved bits are written as given.
   *
   * @throws CooeeError ERR_AGENT_ID_RANGE when a number does not fit its field
   */
  encodeToken(fields: TokenFields): string;
  /**
   * Reads a token as a person types it: case and I L O are folded, hyphens are ignored.
   *
   * @throws CooeeError one of {@link TokenRefusal}; SYMBOL carries details.position
   */
  decodeToken(text: string): UnpackedToken;
  /** What {@link decodeToken} would refuse the text with; null when it takes it. Never throws. */
  refusalOf(text: string): TokenRefusal | null;
  /**
   * Structural half of encoding: any fields in the given layout, with their checksum.
   *
   * @throws CooeeError ERR_AGENT_ID_RANGE when a number does not fit its field
   */
  pack(layout: TokenLayout, fields: TokenFields): string;
  /**
   * Structural half of decoding: takes apart any 5 or 8 symbols, without judging version, reserved
   * bits or checksum.
   *
   * @throws CooeeError ERR_AGENT_ID_SYMBOL, ERR_AGENT_ID_LENGTH
   */
  unpack(text: string): UnpackedToken;
}

const PREFIXES_V1 = 2 ** 19;

/**
 * A codec over the given SHA-256. Remembers each version 1 checksum it has computed (at most 512
 * KiB), since one hash costs more than all the rest of encoding.
 */
export function createTokenCodec(sha256: Hash): TokenCodec {
  const checksumV1 = memoisedChecksum(sha256);
  const checksum: Checksum = (layout, prefix) =>
    layout === TOKEN_V1 ? checksumV1(prefix) : crc8(prefix);

  const pack = (layout: TokenLayout, fields: TokenFields): string => {
    const prefix = prefixOf(layout, fields);
    const bits = prefix * 2 ** layout.checksumBits + checksum(layout, prefix);
    return writeSymbols(bits, layout.symbols);
  };
  const judge = (read: number): TokenRefusal | null => judgeRead(read, checksum);

  return {
    pack,
    unpack(text) {
      const read = readSymbols(text);
      const layout = layoutOfRead(read);
      if (layout !== null) return takeApart(layout, read);
      throw refuse(read < 0 ? 'ERR_AGENT_ID_SYMBOL' : 'ERR_AGENT_ID_LENGTH', text, read);
    },
    encodeToken: (fields) =>
      pack(fields.version === TOKEN_V2.version ? TOKEN_V2 : TOKEN_V1, fields),
    decodeToken(text) {
      const read = readSymbols(text);
      const refusal = judge(read);
      if (refusal !== null) throw refuse(refusal, text, read);
      return takeApart(layoutOfRead(read) ?? TOKEN_V1, read);
    },
    refusalOf: (text) => judge(readSymbols(text)),
  };
}

type Checksum = (layout: TokenLayout, prefix: number) => number;

function judgeRead(read: number, checksum: Checksum): TokenRefusal | null {
  if (read < 0) return 'ERR_AGENT_ID_SYMBOL';
  const layout = layoutOfRead(read);
  if (layout === null) return 'ERR_AGENT_ID_LENGTH';
  const token = takeApart(layout, read);
  // The checksum first: behind a typing error neither version nor reserved bits mean anything. The
  // version before the reserved bits: which bits are reserved is for the version to say.
  if (token.checksum !== checksum(layout, prefixOfRead(layout, read))) {
    return 'ERR_AGENT_ID_CHECKSUM';
  }
  if (token.version !== layout.version) return 'ERR_AGENT_ID_VERSION';
  return token.reserved === 0 ? null : 'ERR_AGENT_ID_RESERVED';
}

/** The version 1 checksum: top 6 bits of SHA-256 over the 19-bit prefix as 3 big-endian bytes. */
function memoisedChecksum(sha256: Hash): (prefix: number) => number {
  // 0 = not computed yet, otherwise the checksum + 1.
  const known = new Uint8Array(PREFIXES_V1);
  return (prefix) => {
    const remembered = known[prefix] ?? 0;
    if (remembered !== 0) return remembered - 1;
    const digest = sha256(Uint8Array.of(prefix >>> 16, prefix >>> 8, prefix));
    const checksum = (digest[0] ?? 0) >>> 2;
    known[prefix] = checksum + 1;
    return checksum;
  };
}

/** The layout by the number of symbols, which {@link readSymbols} shows by its leading 1. */
function layoutOfRead(read: number): TokenLayout | null {
  if (read >= 2 ** 25 && read < 2 ** 26) return TOKEN_V1;
  if (read >= 2 ** 40 && read < 2 ** 41) return TOKEN_V2;
  return null;
}

/** Everything above the checksum, without the leading 1. */
function prefixOfRead(layout: TokenLayout, read: number): number {
  const above = Math.floor(read / 2 ** layout.checksumBits);
  return above - 2 ** (layout.symbols * 5 - layout.checksumBits);
}

function takeApart(layout: TokenLayout, read: number): UnpackedToken {
  const checksum = read % 2 ** layout.checksumBits;
  return fieldsOf(layout, prefixOfRead(layout, read), checksum);
}

function refuse(code: TokenRefusal, text: string, read: number): CooeeError {
  if (code === 'ERR_AGENT_ID_SYMBOL') {
    const position = -1 - read;
    const symbol = String.fromCodePoint(text.codePointAt(position) ?? 0);
    return new CooeeError(code, undefined, { details: { position, symbol } });
  }
  const layout = layoutOfRead(read);
  if (layout === null) {
    return new CooeeError(code, undefined, { details: { symbols: foldSymbols(text).length } });
  }
  const { version, reserved } = takeApart(layout, read);
  return new CooeeError(code, undefined, {
    details: { symbols: layout.symbols, version, reserved },
  });
}
