import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { homeIn, isOurs } from '../../../../bootstrap/service/description.ts';
import { plistText } from '../../../../bootstrap/service/plist-text.ts';
import { SPEC } from './fake-ports.ts';

const INIT = { label: 'cooee.daemon', logFile: '/Library/Logs/cooee.log' };
const ODD = '/Users/kim/R&D <"x"> -- \'y\' ]]>';

type Value = string | number | boolean | Value[] | { [key: string]: Value };

/** Reads what the product writes of the property list format, and refuses all else. */
function parsePlist(text: string): Value {
  const body = text.replace(/^<\?xml[^>]*\?>\n<!--(?:(?!--)[\s\S])*-->\n<!DOCTYPE[^>]*>\n/u, '');
  const tokens = body.match(/<[^>]*>|[^<]+/gu) ?? [];
  let at = 0;
  const next = (): string => {
    while (tokens[at]?.trim() === '') at += 1;
    at += 1;
    return tokens[at - 1] ?? '';
  };
  const expectToken = (wanted: string): void => expect(next()).toBe(wanted);
  const content = (tag: string): string => {
    const raw = tokens[at]?.startsWith('</') ? '' : (tokens[at++] ?? '');
    expectToken(`</${tag}>`);
    expect(raw).not.toMatch(/&(?!amp;|lt;|gt;)|[<>]/u);
    return raw.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
  };
  const value = (token: string): Value => {
    if (token === '<true/>' || token === '<false/>') return token === '<true/>';
    if (token === '<string>') return content('string');
    if (token === '<integer>') return Number(content('integer'));
    if (token === '<array>') {
      const items: Value[] = [];
      for (let it = next(); it !== '</array>'; it = next()) items.push(value(it));
      return items;
    }
    expect(token).toBe('<dict>');
    const dict: { [key: string]: Value } = {};
    for (let it = next(); it !== '</dict>'; it = next()) {
      expect(it).toBe('<key>');
      dict[content('key')] = value(next());
    }
    return dict;
  };
  expectToken('<plist version="1.0">');
  const read = value(next());
  expectToken('</plist>');
  return read;
}

describe('a property list', () => {
  it('says what launchd is to run, and when again', () => {
    const spec = { ...SPEC, words: ['--listen', '/ip4/0.0.0.0/tcp/1'] };
    expect(parsePlist(plistText(spec, INIT))).toEqual({
      Label: 'cooee.daemon',
      ProgramArguments: [
        SPEC.node,
        SPEC.script,
        'up',
        '--home',
        '/var/lib/cooee',
        '--listen',
        '/ip4/0.0.0.0/tcp/1',
      ],
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
      ThrottleInterval: 10,
      ExitTimeOut: 10,
      Umask: 0o077,
      SoftResourceLimits: { NumberOfFiles: 8_192 },
      StandardOutPath: '/Library/Logs/cooee.log',
      StandardErrorPath: '/Library/Logs/cooee.log',
    });
  });

  it('names the user of one of the system', () => {
    expect(parsePlist(plistText(SPEC, { ...INIT, user: 'kim' }))).toMatchObject({
      UserName: 'kim',
    });
  });

  it('escapes what XML would read otherwise, in values and in its comment', () => {
    const text = plistText({ ...SPEC, home: ODD, script: '/a&b<c>' }, INIT);
    expect(parsePlist(text)).toMatchObject({
      ProgramArguments: [SPEC.node, '/a&b<c>', 'up', '--home', ODD],
    });
    expect(isOurs(text)).toBe(true);
    expect(homeIn(text)).toBe(ODD);
  });

  it('is taken by plutil', (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'cooee-plist-'));
    try {
      const file = join(folder, 'x.plist');
      writeFileSync(file, plistText({ ...SPEC, home: ODD }, INIT));
      expect(execFileSync('plutil', ['-lint', file], { encoding: 'utf8' })).toContain('OK');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      context.skip('plutil is not here: only macOS has it');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
