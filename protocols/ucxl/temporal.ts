import type { Temporal } from './address.ts';

const TEMPORAL = /^(?:(#|\*\^)|(~~|\^\^|\*~)([1-9][0-9]{0,14})?)$/;

/**
 * The temporal part, or null when the text is none. `~~` and `^^` without a number are one step.
 */
export function parseTemporal(text: string): Temporal | null {
  const [, now, sign, digits] = TEMPORAL.exec(text) ?? [];
  if (now !== undefined) return { kind: 'now' };
  const count = digits === undefined ? 1 : Number(digits);
  if (sign === '~~') return { kind: 'back', steps: count };
  if (sign === '^^') return { kind: 'forward', steps: count };
  // A version is always numbered: *~ alone says nothing.
  if (sign === '*~' && digits !== undefined) return { kind: 'version', version: count };
  return null;
}

/** The one canonical spelling. */
export function formatTemporal(temporal: Temporal): string {
  if (temporal.kind === 'now') return '#';
  if (temporal.kind === 'version') return `*~${temporal.version}`;
  const sign = temporal.kind === 'back' ? '~~' : '^^';
  return temporal.steps === 1 ? sign : `${sign}${temporal.steps}`;
}

/** Whether both mean the same version. */
export function isSameTemporal(a: Temporal, b: Temporal): boolean {
  return formatTemporal(a) === formatTemporal(b);
}
