import { describe, expect, it } from 'vitest';
import { parseRecoveryKey, recoveryKeyText } from '../../../../daemon/mesh/recovery-key.ts';

const seed = Uint8Array.from({ length: 32 }, (_, i) => 7 * i);

describe('the text of a recovery key', () => {
  it('comes back as the seed, with what a file or a person adds around it', () => {
    expect(parseRecoveryKey(` ${recoveryKeyText(seed)}\r\n`)).toEqual(seed);
  });

  it.each([
    ['nothing', ''],
    ['another beginning', recoveryKeyText(seed).slice(1)],
    ['a letter too few', recoveryKeyText(seed).slice(0, -4)],
    ['what is no base32', `${recoveryKeyText(seed).slice(0, -1)}!`],
  ])('is refused: %s', (_name, text) => {
    expect(() => parseRecoveryKey(text)).toThrow(
      expect.objectContaining({ code: 'ERR_SLURP_RECOVERY', details: { reason: 'key' } }),
    );
  });
});
