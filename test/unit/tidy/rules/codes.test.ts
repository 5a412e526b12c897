import { expect, it } from 'vitest';
import { parse } from '../../../tidy/parse.ts';
import {
  codeNameFindings,
  codePrefixes,
  codeUseFindings,
  unknownCodeFindings,
} from '../../../tidy/rules/codes.ts';

const PREFIXES = codePrefixes([
  'protocols/agent-id/codec.ts',
  'daemon/api/server.ts',
  'daemon/main.ts',
  'storage/a.ts',
]);

it('knows the folders', () => {
  expect(PREFIXES).toEqual(['ERR_AGENT_ID_', 'ERR_API_', 'ERR_DAEMON_', 'ERR_STORAGE_']);
});

it('refuses codes of no folder and out of order', () => {
  const names = (codes: readonly string[]): number => codeNameFindings(codes, PREFIXES).length;
  expect(names(['ERR_AGENT_ID_LENGTH', 'ERR_API_BODY', 'ERR_STORAGE_IO'])).toBe(0);
  expect(names(['ERR_API_NO_LEADER', 'ERR_API_NOT_LEADER'])).toBe(0);
  expect(names(['ERR_NOWHERE_X'])).toBe(1);
  expect(names(['ERR_STORAGE_'])).toBe(1);
  expect(names(['ERR_STORAGE_IO', 'ERR_API_BODY'])).toBe(1);
  expect(names(['ERR_API_BODY', 'ERR_API_BODY'])).toBe(1);
});

it('wants each code used or reserved, not both', () => {
  const files = parse([
    { path: 'storage/a.ts', text: "throw new CooeeError('ERR_STORAGE_IO'); // ERR_STORAGE_LOST" },
  ]);
  const codes = ['ERR_STORAGE_IO', 'ERR_STORAGE_LOST'];
  expect(codeUseFindings(codes, files, {})).toHaveLength(1);
  expect(codeUseFindings(codes, files, { ERR_STORAGE_LOST: 'later' })).toEqual([]);
  expect(
    codeUseFindings(codes, files, { ERR_STORAGE_LOST: 'x', ERR_STORAGE_IO: 'x' }),
  ).toHaveLength(1);
});

it('finds codes that the table does not have', () => {
  const source = (path: string, text: string): number =>
    unknownCodeFindings(['ERR_STORAGE_IO'], [{ path, text }], PREFIXES).length;
  expect(source('docs/a.md', 'see `ERR_STORAGE_GONE`')).toBe(1);
  expect(source('storage/a.ts', "'ERR_API_GONE'")).toBe(1);
  expect(source('docs/a.md', '`ERR_STORAGE_IO`, `ERR_STREAM_CLOSED` of Node.js')).toBe(0);
});
