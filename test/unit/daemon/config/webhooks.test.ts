import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../../daemon/config/config.ts';
import { secretBytes } from '../../../../daemon/config/webhooks.ts';

const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const HOOK = { name: 'ops', url: 'https://example.com/hook', secret: SECRET };

const parse = (...webhooks: readonly unknown[]) => parseConfig(JSON.stringify({ webhooks }));

describe('secretBytes', () => {
  it('takes 24 to 64 bytes in base64, padded or not', () => {
    for (const length of [24, 25, 32, 64]) {
      const text = `whsec_${Buffer.alloc(length, 9).toString('base64')}`;
      expect(secretBytes(text)).toEqual(new Uint8Array(length).fill(9));
      expect(secretBytes(text.replace(/=+$/, ''))).toHaveLength(length);
    }
  });

  it.each([
    ['too short', `whsec_${Buffer.alloc(23).toString('base64')}`],
    ['too long', `whsec_${Buffer.alloc(65).toString('base64')}`],
    ['without its prefix', SECRET.slice('whsec_'.length)],
    ['not base64', `whsec_${'!'.repeat(40)}`],
    ['mangled in the middle', SECRET.replace('EBAQ', 'EB Q')],
    ['empty', ''],
  ])('refuses one that is %s', (_, text) => {
    expect(secretBytes(text)).toBeUndefined();
  });
});

describe('webhooks of the configuration', () => {
  it('have defaults that tell of every call, to public addresses alone', () => {
    expect(parse(HOOK).webhooks).toEqual([
      { ...HOOK, severityMin: 'info', escalationMin: 0, allowPrivate: false },
    ]);
  });

  it('take every field', () => {
    const { secret: _, ...named } = HOOK;
    const full = {
      ...{ ...named, secretFile: 'secret', events: ['call:open'], severityMin: 'danger' },
      ...{ escalationMin: 3, allowPrivate: true, url: 'http://10.0.0.1:8080/x?y=z' },
    };
    expect(parse(full).webhooks).toEqual([full]);
  });

  it.each([
    ['a URL of another kind', { url: 'ftp://example.com/' }, 'webhooks.0.url'],
    ['no URL', { url: 'example.com' }, 'webhooks.0.url'],
    ['a URL with a user', { url: 'https://user@example.com/' }, 'webhooks.0.url'],
    ['a URL with a password', { url: 'https://:secret@example.com/' }, 'webhooks.0.url'],
    ['a bad secret', { secret: 'secret' }, 'webhooks.0.secret'],
    ['two secrets', { secretFile: 'x' }, 'webhooks.0.secret'],
    ['no secret', { secret: undefined }, 'webhooks.0.secret'],
    ['a name for a path', { name: '../x' }, 'webhooks.0.name'],
    ['an unknown event', { events: ['call:close'] }, 'webhooks.0.events.0'],
    ['no events', { events: [] }, 'webhooks.0.events'],
    ['an unknown severity', { severityMin: 'high' }, 'webhooks.0.severityMin'],
    ['a fourth escalation', { escalationMin: 4 }, 'webhooks.0.escalationMin'],
    ['an unknown field', { headers: {} }, 'webhooks.0'],
  ])('refuse %s', (_, changes, path) => {
    expect(() => parse({ ...HOOK, ...changes })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_INVALID', details: { path } }),
    );
  });

  it('refuse two of one name, two of one URL, and more than 16', () => {
    const of = (n: number) => ({ ...HOOK, name: `n${n}`, url: `https://example.com/${n}` });
    const invalid = expect.objectContaining({ details: { path: 'webhooks' } });
    expect(() => parse(of(1), { ...of(2), name: 'n1' })).toThrow(invalid);
    expect(() => parse(of(1), { ...of(2), url: 'https://EXAMPLE.com:443/1' })).toThrow(invalid);
    expect(parse(...Array.from({ length: 16 }, (_, n) => of(n))).webhooks).toHaveLength(16);
    expect(() => parse(...Array.from({ length: 17 }, (_, n) => of(n)))).toThrow(invalid);
  });

  it('never show a secret in an error, whatever is wrong', () => {
    const texts = [
      JSON.stringify({ webhooks: [{ ...HOOK, secret: `${SECRET}!` }] }),
      JSON.stringify({ webhooks: [{ ...HOOK, [SECRET]: 1 }] }).replace(`"${SECRET}":1`, '"x":1'),
      `{"webhooks":[{"secret":${SECRET}}]}`,
      `{"webhooks":[{"secret":"${SECRET}"]}`,
    ];
    for (const text of texts) {
      const error = refusal(text);
      expect(error).toMatchObject({ code: 'ERR_CONFIG_INVALID' });
      const { message, cause, details } = error as Error & { details: unknown };
      expect(`${message} ${String(cause)} ${JSON.stringify(details)}`).not.toContain('AQEBAQ');
    }
  });
});

function refusal(text: string): unknown {
  try {
    parseConfig(text);
  } catch (error) {
    return error;
  }
  return undefined;
}
