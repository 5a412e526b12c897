// How many agent tokens a second are written and read. Run: node bench/token.ts [--json]
import { createHash } from 'node:crypto';
import {
  canonicalTuple,
  createTokenCodec,
  hashTuple,
  type TokenFields,
  tokenNeighbours,
} from '../protocols/agent-id/index.ts';
import { agentAddress, parseAddress } from '../protocols/ucxl/index.ts';
import { type Figure, figureOf, print } from './lib/figure.ts';

const ROUNDS = 9;
const ROUND_MS = 100;
const BATCH = 4096;
const WANTED = 1_000_000;
/** All tokens that version 1 can grant; as many of version 2. */
const COUNT = 16_384;

const sha256 = (data: Uint8Array): Uint8Array => createHash('sha256').update(data).digest();

/** Keeps results alive, so that the compiler cannot leave the work out. */
let sink = 0;

function measure(name: string, wanted: number | null, work: (at: number) => number): Figure {
  const rates: number[] = [];
  // The first round warms up and is not counted.
  for (let round = 0; round <= ROUNDS; round += 1) {
    const startMs = performance.now();
    let count = 0;
    let elapsedMs = 0;
    while (elapsedMs < ROUND_MS) {
      for (let at = 0; at < BATCH; at += 1) sink += work(count + at);
      count += BATCH;
      elapsedMs = performance.now() - startMs;
    }
    if (round > 0) rates.push((count / elapsedMs) * 1000);
  }
  return figureOf(name, rates, {
    unit: 'ops/s',
    ...(wanted === null ? {} : { wanted: { atLeast: wanted } }),
  });
}

function fieldsOf(version: number): TokenFields[] {
  return Array.from({ length: COUNT }, (_, at) => ({
    version,
    host: version === 1 ? at >>> 4 : 1024 + at * 1009,
    gpu: at & 15,
    reserved: 0,
  }));
}

function tokenFigures(version: number): Figure[] {
  const codec = createTokenCodec(sha256);
  const fields = fieldsOf(version);
  const tokens = fields.map((given) => codec.encodeToken(given));
  const typed = tokens.map((token) => `${token.slice(0, 2)}-${token.slice(2)}`.toLowerCase());
  const wrong = tokens.map((token) => tokenNeighbours(token)[0] ?? '');
  const pick = <T>(list: readonly T[], at: number): T => list[at % COUNT] as T;
  return [
    measure(`encode v${version}`, WANTED, (at) => codec.encodeToken(pick(fields, at)).length),
    measure(`decode v${version}`, WANTED, (at) => codec.decodeToken(pick(tokens, at)).host),
    measure(`decode v${version}, lower case with a hyphen`, WANTED, (at) => {
      return codec.decodeToken(pick(typed, at)).host;
    }),
    measure(`refuse v${version}, without a throw`, null, (at) => {
      return codec.refusalOf(pick(wrong, at)) === null ? 1 : 0;
    }),
    measure(`neighbours v${version}`, null, (at) => tokenNeighbours(pick(tokens, at)).length),
  ];
}

function nameFigures(): Figure[] {
  const mac = 'AA:BB:CC:DD:EE:01';
  const found = { model: 'LLaMA3-70B', hostname: 'Alpha-Node', mac, gpu_id: 0 };
  const tuple = canonicalTuple(found);
  const addresses = Array.from({ length: 1024 }, (_, number) => agentAddress(number, 3));
  return [
    measure('canonical tuple', null, () => canonicalTuple(found).model.length),
    measure('hash a tuple', null, () => hashTuple(tuple, sha256).hash.length),
    measure('parse an address', null, (at) => {
      return parseAddress(addresses[at & 1023] ?? '').kind.length;
    }),
  ];
}

print({ bench: 'token', figures: [...tokenFigures(1), ...tokenFigures(2), ...nameFigures()] });
if (!Number.isFinite(sink)) throw new Error('the work was not done');
