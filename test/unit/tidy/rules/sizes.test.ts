import { describe, expect, it } from 'vitest';
import { parseText } from '../../../tidy/parse.ts';
import {
  columnFindings,
  fileFindings,
  folderFindings,
  functionFindings,
  sizeWarnings,
} from '../../../tidy/rules/sizes.ts';

const PATH = 'storage/a.ts';
const lines = (count: number): string => 'f();\n'.repeat(count);
const functionOf = (count: number): string => `function a() {\n${lines(count - 2)}}\n`;

describe('sizes', () => {
  it('fails a function of 71 lines and not one of 70', () => {
    expect(functionFindings([parseText(functionOf(71), PATH)])).toHaveLength(1);
    expect(functionFindings([parseText(functionOf(70), PATH)])).toEqual([]);
  });

  it('takes describe for a chapter, and it for a function', () => {
    const block = (name: string): string => `${name}('x', () => {\n${lines(80)}});`;
    expect(functionFindings([parseText(block('describe'), PATH)])).toEqual([]);
    expect(functionFindings([parseText(block('describe.each(rows)'), PATH)])).toEqual([]);
    expect(functionFindings([parseText(block('it'), PATH)])).toHaveLength(1);
  });

  it('fails a file of 401 lines and not one of 400', () => {
    expect(fileFindings([parseText(lines(401), PATH)], {})).toHaveLength(1);
    expect(fileFindings([parseText(lines(400), PATH)], {})).toEqual([]);
  });

  it('lets a listed file stay, not grow, and tightens when it shrinks', () => {
    const file = parseText(lines(450), PATH);
    expect(fileFindings([file], { [PATH]: 450 })).toEqual([]);
    expect(fileFindings([file], { [PATH]: 449 })[0]?.message).toContain('the limit is 449');
    expect(fileFindings([file], { [PATH]: 460 })[0]?.message).toContain('ratchet to 450');
    expect(fileFindings([], { [PATH]: 450 })).toHaveLength(1);
  });

  it('fails a line of 101 columns, not an address that cannot be broken', () => {
    const words = 'a '.repeat(49);
    expect(columnFindings([parseText(`// ${words}`, PATH)])).toHaveLength(1);
    expect(columnFindings([parseText(`// ${words.slice(4)}`, PATH)])).toEqual([]);
    expect(columnFindings([parseText(`// see ${'x'.repeat(120)}`, PATH)])).toEqual([]);
  });

  it('fails a folder of 13 files, tests not counted', () => {
    const paths = Array.from({ length: 13 }, (_, index) => `storage/a${index}.ts`);
    expect(folderFindings(paths, {})).toHaveLength(1);
    expect(folderFindings(paths, { storage: 13 })).toEqual([]);
    expect(folderFindings(paths.slice(1), {})).toEqual([]);
    expect(
      folderFindings(
        paths.map((path) => `test/unit/${path}`),
        {},
      ),
    ).toEqual([]);
  });

  it('warns early', () => {
    const warned = (text: string): number => sizeWarnings([parseText(text, PATH)]).length;
    expect(warned(functionOf(41))).toBe(1);
    expect(warned(lines(251))).toBe(1);
    expect(warned('function a(b: B, c: C, d: D, e: E) {}')).toBe(1);
    expect(warned(functionOf(40))).toBe(0);
  });
});
