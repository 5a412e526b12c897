import { createTokenCodec, type TokenCodec, tokenNeighbours } from '../agent-id/index.ts';
import { type Hash, LIMITS, type MeshRecord, type StateReader } from '../interface/index.ts';

/** Numbers of token version 2: 24 bits. */
const NUMBERS_V2_MAX = 2 ** 24;
/** The mesh level from which all members read tokens of version 2. */
const LEVEL_V2 = 2;

/** Tokens of numbers and slots, and which valid tokens are one slip away. */
export interface TokenBook {
  tokenOf(number: number, slot: number): string;
  /** Valid tokens that one substitution or adjacent swap makes out of this one. */
  neighboursOf(token: string): readonly string[];
}

const books = new WeakMap<Hash, TokenBook>();

/** The book over a hash function: one for each, since checksums and neighbours are remembered. */
export function tokenBook(sha256: Hash): TokenBook {
  let book = books.get(sha256);
  if (book === undefined) {
    book = createBook(createTokenCodec(sha256));
    books.set(sha256, book);
  }
  return book;
}

function createBook(codec: TokenCodec): TokenBook {
  // At most 2^14 tokens of version 1. Those of version 2 have no valid neighbours: their CRC
  // catches every such slip.
  const known = new Map<string, readonly string[]>();
  return {
    tokenOf: (host, gpu) =>
      codec.encodeToken({ version: isV1(host) ? 1 : 2, host, gpu, reserved: 0 }),
    neighboursOf(token) {
      let valid = known.get(token);
      if (valid === undefined) {
        valid = tokenNeighbours(token).filter((text) => codec.refusalOf(text) === null);
        known.set(token, valid);
      }
      return valid;
    },
  };
}

/**
 * The number for a model that is new on its host: the lowest free one whose token for `slot` is not
 * one slip away from any token ever granted; when there is none, the lowest free one. From 1024 on
 * only when version 1 is used up and the mesh's level allows version 2.
 *
 * @returns undefined when all are granted
 */
export function computeNumber(
  state: StateReader,
  slot: number,
  book: TokenBook,
): number | undefined {
  const from = state.get('cursor', 'lowestFree') ?? 0;
  let lowestFree: number | undefined;
  for (let number = from; number < LIMITS.agentNumbersV1Max; number += 1) {
    if (state.get('number', String(number)) !== undefined) continue;
    lowestFree ??= number;
    const neighbours = book.neighboursOf(book.tokenOf(number, slot));
    if (!neighbours.some((token) => state.get('agent', token) !== undefined)) return number;
  }
  if (lowestFree !== undefined) return lowestFree;
  const mesh = state.get('mesh', 'mesh') as MeshRecord | undefined;
  if ((mesh?.level ?? 1) < LEVEL_V2) return undefined;
  const number = nextFree(state, Math.max(from, LIMITS.agentNumbersV1Max));
  return number < NUMBERS_V2_MAX ? number : undefined;
}

/** The lowest number from `from` on that no model has. */
export function nextFree(state: StateReader, from: number): number {
  let number = from;
  while (state.get('number', String(number)) !== undefined) number += 1;
  return number;
}

function isV1(number: number): boolean {
  return number < LIMITS.agentNumbersV1Max;
}
