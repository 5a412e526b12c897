import { describe, expect, it } from 'vitest';
import { assertOneRecipient, countStanzas } from '../../../protocols/enrolment/age-header.ts';

const MAC = `--- ${'A'.repeat(43)}`;
const BODY = 'A'.repeat(43);
const header = (...lines: string[]): Uint8Array =>
  new Uint8Array(Buffer.from(['age-encryption.org/v1', ...lines, MAC, ''].join('\n')));
const stanza = (type = 'X25519'): string[] => [`-> ${type} ${'B'.repeat(43)}`, BODY];

describe('countStanzas', () => {
  it.each([0, 1, 2, 5])('counts %d', (count) => {
    const bytes = header(...Array.from({ length: count }, () => stanza()).flat());
    expect(countStanzas(bytes)).toBe(count);
  });

  it('counts grease, bodies of several lines and empty last lines', () => {
    const full = 'C'.repeat(64);
    const bytes = header(...stanza(), '-> grease-x a b', full, full, '');
    expect(countStanzas(bytes)).toBe(2);
  });

  it('does not look behind the header', () => {
    const payload = Buffer.from(`\n-> X25519 ${'B'.repeat(43)}\n${BODY}\n`);
    expect(countStanzas(new Uint8Array(Buffer.concat([header(...stanza()), payload])))).toBe(1);
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['another version', new Uint8Array(Buffer.from(`age-encryption.org/v2\n${MAC}\n`))],
    ['armor', new Uint8Array(Buffer.from('-----BEGIN AGE ENCRYPTED FILE-----\n'))],
    ['no end', new Uint8Array(Buffer.from('age-encryption.org/v1\n-> X25519 a\nAAAA\n'))],
    ['a body that is too wide', header('-> X25519 a', 'A'.repeat(65))],
    ['a body that is not base64', header('-> X25519 a', 'A*')],
    ['an empty argument', header('-> X25519  a', BODY)],
    ['no arguments', header('->', BODY)],
    ['a header of 9 KiB', header(...Array.from({ length: 100 }, () => stanza()).flat())],
    ['a short MAC', new Uint8Array(Buffer.from('age-encryption.org/v1\n--- AAAA\n'))],
  ])('refuses %s', (_name, bytes) => {
    const refusal = expect.objectContaining({ code: 'ERR_ENROLMENT_CIPHERTEXT' });
    expect(() => countStanzas(bytes)).toThrow(refusal);
  });
});

describe('assertOneRecipient', () => {
  it('takes one and refuses none and two, with their count', () => {
    expect(() => assertOneRecipient(header(...stanza()))).not.toThrow();
    for (const stanzas of [0, 2]) {
      const bytes = header(...Array.from({ length: stanzas }, () => stanza()).flat());
      expect(() => assertOneRecipient(bytes)).toThrow(
        expect.objectContaining({ code: 'ERR_ENROLMENT_RECIPIENTS', details: { stanzas } }),
      );
    }
  });
});
