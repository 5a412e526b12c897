import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectModels, ollamaUrl } from '../../../../bootstrap/host/models.ts';
import { anyCharacter } from '../../any-character.ts';
import { fakePorts, fixture } from './fake-ports.ts';

const TAGS = 'http://127.0.0.1:11434/api/tags';
const tags = (...names: unknown[]): string =>
  JSON.stringify({ models: names.map((name) => ({ name })) });

describe('detectModels', () => {
  it('are those that Ollama lists, in canonical form, sorted', async () => {
    const ports = fakePorts({ urls: { [TAGS]: fixture('ollama-tags.json') } });
    expect(await detectModels(ports, {})).toEqual([
      { name: 'hf.co/bartowski/qwen2.5-coder-32b-instruct-gguf:q4_k_m', source: 'ollama' },
      { name: 'llama3.1:8b', source: 'ollama' },
    ]);
    expect(ports.logger.lines).toEqual([]);
  });

  it('are none, without a fault, when there is no Ollama', async () => {
    const ports = fakePorts();
    expect(await detectModels(ports, {})).toEqual([]);
    expect(ports.calls).toEqual([TAGS]);
    expect(ports.logger.lines.map(({ level }) => level)).toEqual(['debug']);
  });

  it('are those of the configuration too, which win', async () => {
    const ports = fakePorts({ urls: { [TAGS]: tags('a', 'B') } });
    expect(await detectModels(ports, { models: ['b', 'C ', 'c', 'x|y', ''] })).toEqual([
      { name: 'a', source: 'ollama' },
      { name: 'b', source: 'config' },
      { name: 'c', source: 'config' },
    ]);
    expect(ports.logger.lines).toMatchObject([{ level: 'warn', fields: { unusable: 2 } }]);
  });

  it('ask where configuration or OLLAMA_HOST say, or not at all', async () => {
    const env = { OLLAMA_HOST: '0.0.0.0:9999' };
    const byEnv = fakePorts({ env });
    await detectModels(byEnv, {});
    expect(byEnv.calls).toEqual(['http://127.0.0.1:9999/api/tags']);
    const byConfig = fakePorts({ env });
    await detectModels(byConfig, { ollama: 'http://gpu-box:1234/' });
    expect(byConfig.calls).toEqual(['http://gpu-box:1234/api/tags']);
    const off = fakePorts({ env });
    await detectModels(off, { ollama: false });
    expect(off.calls).toEqual([]);
    const nonsense = fakePorts();
    await detectModels(nonsense, { ollama: 'ftp://x y' });
    expect(nonsense.calls).toEqual([]);
    expect(nonsense.logger.lines).toMatchObject([{ level: 'warn' }]);
  });

  it.each(['', 'no json', '[]', 'null', '{}', '{"models":{}}', '{"models":"x"}'])(
    'are none, with a log line, when the answer is %j',
    async (body) => {
      const ports = fakePorts({ urls: { [TAGS]: body } });
      expect(await detectModels(ports, {})).toEqual([]);
      expect(ports.logger.lines).toMatchObject([{ level: 'warn' }]);
    },
  );

  it.each(['status', 'too-long'] as const)('are none, with a log line: %s', async (failure) => {
    const ports = fakePorts({ fetch: async () => ({ ok: false, failure }) });
    expect(await detectModels(ports, {})).toEqual([]);
    expect(ports.logger.lines).toMatchObject([{ level: 'warn', fields: { failure } }]);
  });

  it('leave out entries that are no models, and keep the rest', async () => {
    const body = `{"models":[null,1,{},{"name":5},{"name":"good"},{"name":"bad|name"}]}`;
    const ports = fakePorts({ urls: { [TAGS]: body } });
    expect(await detectModels(ports, {})).toEqual([{ name: 'good', source: 'ollama' }]);
  });

  it('are at most 256, canonical and without doubles, whatever Ollama says', async () => {
    const many = Array.from({ length: 5_000 }, (_, n) => `m${n}`);
    const ports = fakePorts({ urls: { [TAGS]: tags(...many) } });
    expect(await detectModels(ports, {})).toHaveLength(256);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: anyCharacter })), async (names) => {
        const found = await detectModels(fakePorts({ urls: { [TAGS]: tags(...names) } }), {});
        expect(new Set(found.map(({ name }) => name)).size).toBe(found.length);
        for (const { name } of found) expect(name).not.toMatch(/[|\p{Cc}]/u);
      }),
    );
  });
});

describe('ollamaUrl', () => {
  it.each([
    ['', 'http://127.0.0.1:11434'],
    ['gpu-box', 'http://gpu-box:11434'],
    [':4000', 'http://127.0.0.1:4000'],
    ['10.0.0.1:80', 'http://10.0.0.1'],
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    ['[::]:4000', 'http://[::1]:4000'],
    ['http://box', 'http://box'],
    ['https://box/ollama/', 'https://box/ollama'],
    ['http://user:secret@box', undefined],
    ['http://', undefined],
    ['a b', undefined],
    ['ftp://box', undefined],
    ['box:99999', undefined],
  ])('of %j is %s', (text, expected) => expect(ollamaUrl(text)).toBe(expected));
});
