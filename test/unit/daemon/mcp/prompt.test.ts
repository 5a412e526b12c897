import { describe, expect, it } from 'vitest';
import { getPrompt, PROMPTS } from '../../../../daemon/mcp/prompt.ts';
import { TOOLS } from '../../../../daemon/mcp/tools/index.ts';

const NAME = 'decision-record';
const textOf = (args: unknown) => JSON.stringify(getPrompt(NAME, args).messages);

describe('the prompt for a decision record', () => {
  it('is listed with its arguments', () => {
    expect(PROMPTS.map(({ name }) => name)).toEqual([NAME]);
    expect(PROMPTS[0]?.arguments?.map(({ name, required }) => [name, required])).toEqual([
      ['topic', true],
      ['address', false],
    ]);
  });

  it('holds the topic, and where the record is to stand', () => {
    expect(textOf({ topic: 'Which da\u200btabase' })).toContain('Which database');
    expect(textOf({ topic: 't' })).toContain('Choose its address');
    expect(textOf({ topic: 't', address: 'ucxl://a@b:c/#/d' })).toContain('ucxl://a@b:c/#/d');
  });

  it('names tools that there are', () => {
    const known = TOOLS.map(({ name }) => name);
    const named = textOf({ topic: 't' }).match(/cooee_\w+/g) ?? [];
    expect(named.length).toBeGreaterThan(2);
    for (const name of named) expect(known).toContain(name);
  });

  it.each([[undefined], [{}], [{ topic: '' }], [{ topic: 'x'.repeat(5_000) }]])(
    'refuses %j',
    (args) => expect(() => getPrompt(NAME, args)).toThrow(/^topic: /),
  );

  it('is the only one', () => expect(() => getPrompt('other', {})).toThrow('no such prompt'));
});
