import { describe, expect, it } from 'vitest';
import { parseText } from '../../tidy/parse.ts';

describe('parse', () => {
  it('finds every form of import and which ones are erased', () => {
    const { imports } = parseText(`
      import type { A } from './a.ts';
      import { type B } from './b.ts';
      import { type C, d } from './c.ts';
      import './effect.ts';
      export * from './e.ts';
      export type { F } from './f.ts';
      const g = await import('./g.ts');
      let h: import('./h.ts').H;
      const text = "import { x } from './not-one.ts'";
      // import './neither.ts'
    `);
    expect(imports.map((fact) => [fact.specifier, fact.isType, fact.isDynamic])).toEqual([
      ['./a.ts', true, false],
      ['./b.ts', true, false],
      ['./c.ts', false, false],
      ['./effect.ts', false, false],
      ['./e.ts', false, false],
      ['./f.ts', true, false],
      ['./g.ts', false, true],
      ['./h.ts', true, false],
    ]);
  });

  it('says where a computed import stands', () => {
    const [fact] = parseText('\nconst a = await import(name);').imports;
    expect(fact).toMatchObject({ specifier: '(computed)', line: 2 });
  });

  it('tells a global in use from a name, a member, a type and a text', () => {
    const used = parseText(`
      const a: Date = parse('Date');
      const b = { Date: 1, ...c.Date };
      interface D { setTimeout(): void }
      class E { setTimeout() {} }
      const f = new Date();
      const g = { process };
      const h = /Date/.test(\`\${i}\`) ? 1 : 4 / 2 / 1;
      const j = Math.random() + math.random();
      clock.setTimeout(() => {});
    `).uses.map((use) => use.name);
    expect(used).toEqual(['Date', 'process', 'Math.random']);
  });

  it('takes a name that the file declares for its own', () => {
    expect(parseText('function run(process: Port) { process.start(); }').uses).toEqual([]);
  });

  it('sees async and await in all their forms', () => {
    const names = (text: string): readonly string[] => parseText(text).uses.map((use) => use.name);
    expect(names('async function a() {}')).toEqual(['async']);
    expect(names('const a = async () => await b();')).toEqual(['async', 'await']);
    expect(names('for await (const a of b) {}')).toEqual(['await']);
    expect(names('class A { async run() {} }')).toEqual(['async']);
    expect(names('const text = "async await"; const o = { async: 1 };')).toEqual([]);
  });

  it('measures functions and knows what they were handed to', () => {
    const { functions } = parseText(`function a(b: B, c: C) {
  return 1;
}
describe('x', () => {});
class D { run() { return () => 1; } }`);
    expect(functions.map((fact) => [fact.name, fact.lineCount, fact.parameterCount])).toEqual([
      ['a', 3, 2],
      ['describe', 1, 0],
      ['run', 1, 0],
      ['(anonymous)', 1, 0],
    ]);
    expect(functions[1]?.passedTo).toBe('describe');
  });

  it('reads the comment above a property as one line', () => {
    const { properties } = parseText(`export const LIMITS = {
      /**
       * First line,
       * second line.
       */
      a: 1,
      /** One line. */
      b: 2,
      c: 3,
    };`);
    expect(properties.map(({ name, comment }) => [name, comment])).toEqual([
      ['a', 'First line, second line.'],
      ['b', 'One line.'],
      ['c', undefined],
    ]);
  });
});
