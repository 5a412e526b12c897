import { CooeeError } from '../../../protocols/interface/index.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Reads a duration as people write it: `30s`, `90m`, `24h`, `7d`, `1h30m`. In ms.
 *
 * @throws CooeeError ERR_API_USAGE for anything else, zero included
 */
export function parseDurationMs(text: string): number {
  let totalMs = 0;
  if (/^(?:\d{1,9}[smhd])+$/u.test(text)) {
    for (const part of text.matchAll(/(\d+)([smhd])/gu)) {
      totalMs += Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? 0);
    }
  }
  if (totalMs > 0 && Number.isSafeInteger(totalMs)) return totalMs;
  throw new CooeeError('ERR_API_USAGE', `"${text}" is not a duration`, {
    remedy: 'Write it like 30s, 90m, 24h or 7d.',
  });
}
