import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../../daemon/config/config.ts';

/** The error that the text is refused with. */
function refusal(text: string): unknown {
  try {
    parseConfig(text);
  } catch (error) {
    return error;
  }
  return undefined;
}

const invalid = (path: string) => ({ code: 'ERR_CONFIG_INVALID', details: { path } });

describe('parseConfig', () => {
  it('gives the defaults without a file, and with an empty object', () => {
    const defaults = {
      mdns: true,
      relay: false,
      useRelays: true,
      seal: 'hybrid',
      enrol: 'auto',
      models: [],
      beatMs: 30_000,
      leaseMs: 90_000,
      snapshotEveryEntries: 8_192,
      voterAwayMs: 600_000,
      webhooks: [],
      logLevel: 'info',
    };
    expect(parseConfig(undefined)).toEqual(defaults);
    expect(parseConfig('{}')).toEqual(defaults);
  });

  it('takes every setting', () => {
    const config = {
      listen: ['/ip4/127.0.0.1/tcp/4001', '/ip6/::1/tcp/4001'],
      mdns: false,
      relay: true,
      useRelays: false,
      agentGroup: 'agents',
      seal: 'x25519',
      enrol: 'manual',
      ollama: 'http://10.0.0.7:11434',
      models: ['llama3-70b'],
      beatMs: 1_000,
      leaseMs: 3_000,
      snapshotEveryEntries: 16,
      voterAwayMs: 5_000,
      webhooks: [],
      logLevel: 'debug',
    };
    expect(parseConfig(JSON.stringify(config))).toEqual(config);
  });

  it('takes false for "do not ask Ollama", and nothing else that is no address', () => {
    expect(parseConfig('{"ollama":false}').ollama).toBe(false);
    expect(refusal('{"ollama":true}')).toMatchObject(invalid('ollama'));
    expect(refusal('{"ollama":"not an address"}')).toMatchObject(invalid('ollama'));
  });

  it.each([
    ['{"listen":[]}', 'listen'],
    ['{"listen":["127.0.0.1:4001"]}', 'listen.0'],
    ['{"listen":"/ip4/127.0.0.1/tcp/1"}', 'listen'],
    ['{"mdns":"no"}', 'mdns'],
    ['{"agentGroup":""}', 'agentGroup'],
    ['{"seal":"rsa"}', 'seal'],
    ['{"enrol":"never"}', 'enrol'],
    ['{"models":[""]}', 'models.0'],
    ['{"beatMs":999}', 'beatMs'],
    ['{"beatMs":1500.5}', 'beatMs'],
    ['{"beatMs":300001}', 'beatMs'],
    ['{"leaseMs":900001}', 'leaseMs'],
    ['{"logLevel":"loud"}', 'logLevel'],
  ])('refuses %s and names the field', (text, path) => {
    expect(refusal(text)).toMatchObject(invalid(path));
  });

  it('refuses an unknown setting: most often it is a typing error', () => {
    expect(refusal('{"listn":[]}')).toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      message: expect.stringContaining('listn'),
    });
  });

  it('refuses a lease that one lost beat would end', () => {
    expect(refusal('{"beatMs":10000,"leaseMs":19999}')).toMatchObject(invalid('leaseMs'));
    expect(parseConfig('{"beatMs":10000,"leaseMs":20000}').leaseMs).toBe(20_000);
  });

  it('refuses what is no JSON object', () => {
    for (const text of ['', '{', '[]', 'null', '"text"', '7']) {
      expect(refusal(text), text).toMatchObject(invalid(''));
    }
  });

  it('refuses a file over 64 KiB before it is read as JSON', () => {
    const padded = `{}${' '.repeat(64 * 1024)}`;
    expect(refusal(padded)).toMatchObject({ message: expect.stringContaining('too large') });
  });
});

it('names the file that it read', () => {
  const file = '/h/config.json';
  expect(() => parseConfig('{', file)).toThrow(`the configuration ${file} is not valid: not JSON`);
});
