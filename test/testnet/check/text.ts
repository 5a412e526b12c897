import type { Operation } from '../history/index.ts';

const ENDS = new Map([
  [true, ''],
  [false, 'refused '],
  [null, 'unknown '],
]);

/** An operation on a line: when, who, what, and what came of it. */
export function lineOf({ op, input, output, ok, startNs, endNs, client }: Operation): string {
  const when = `${toMs(startNs)}–${endNs === null ? '?' : toMs(endNs)} ms`;
  return `${when} ${client} ${op} ${short(input)} → ${ENDS.get(ok)}${short(output)}`;
}

function toMs(ns: string): string {
  return (Number(BigInt(ns) / 1_000n) / 1_000).toFixed(3);
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  return text.length <= 240 ? text : `${text.slice(0, 240)}…`;
}
