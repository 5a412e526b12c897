import { describe, expect, it } from 'vitest';
import { faultOf, parseJson } from '../../../../../daemon/api/body/parse-json.ts';
import { codeOf, request, sendRaw, startBench } from '../fixture.ts';

const PROTO = 'The body has a field with the name __proto__.';

describe('parseJson', () => {
  it('gives the value and the text as it came', () => {
    const text = '{"a": ["\u00e9\u{1f600}", 1, "\\u0041", "__proto__"]}';
    const value = { a: ['\u00e9\u{1f600}', 1, 'A', '__proto__'] };
    expect(parseJson(Buffer.from(text))).toEqual({ text, value });
  });

  it.each([
    ['a byte of Latin-1', Buffer.from('{"a":"\u00e9"}', 'latin1'), 'The body is not UTF-8.'],
    ['a letter that is cut', Buffer.from('"\u{1f600}"').fill(0x22, 4), 'The body is not UTF-8.'],
    ['no JSON', Buffer.from('{"a":'), 'The body is not valid JSON.'],
    ['__proto__', Buffer.from('{"a":[{"__proto__":{"b":1}}]}'), PROTO],
    ['__proto__ in escapes', Buffer.from('{"x":{"_\\u005fprot\\u006F__":1}}'), PROTO],
  ])('refuses %s', (_what, bytes, message) => {
    expect(() => parseJson(bytes)).toThrow(
      expect.objectContaining({ code: 'ERR_API_BODY', message }),
    );
  });

  it('is what the server takes bodies apart with', async () => {
    const { socketPath, calls } = await startBench();
    const proto = await request(socketPath, 'POST /v1/join', {}, '{"invite":{"__proto__":1}}');
    expect(proto.body).toContain(PROTO);
    const head = 'POST /v1/join HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n';
    const type = 'Content-Type: application/json\r\nContent-Length: 14\r\n\r\n';
    const bytes = Buffer.from(`${head}${type}{"invite":"\u00e9"}`, 'latin1');
    expect(await sendRaw(socketPath, bytes)).toContain('The body is not UTF-8.');
    const broken = await request(socketPath, 'POST /v1/join', {}, '{');
    expect(codeOf(broken)).toBe('ERR_API_BODY');
    expect(calls).toEqual([]);
  });
});

describe('faultOf', () => {
  it.each([
    ['1e400', 'has a number that is too large'],
    ['{"a":[0,-1e400]}', 'has a number that is too large'],
    ['{"a":{"__proto__":null}}', 'has a field with the name __proto__'],
    [`${'['.repeat(500_000)}${']'.repeat(500_000)}`, 'is nested too deeply'],
    [`${'['.repeat(100)}1${']'.repeat(100)}`, undefined],
    [`[${'0,'.repeat(400_000)}0]`, undefined],
  ])('finds what of %.40s cannot be kept', (text, fault) => {
    expect(faultOf(JSON.parse(text))).toBe(fault);
  });
});
