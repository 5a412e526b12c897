import { describe, expect, it } from 'vitest';
import {
  ERROR_META,
  toErrorView,
  toToolError,
  toToolResult,
} from '../../../../daemon/mcp/answer.ts';
import { CooeeError } from '../../../../protocols/interface/index.ts';

describe('toToolError', () => {
  it('is code, message and what to do, for the model and for programs', () => {
    const error = new CooeeError('ERR_API_BUSY', 'full', { details: { limit: 3 } });
    expect(toToolError(error)).toEqual({
      isError: true,
      content: [
        {
          type: 'text',
          text: [
            'ERR_API_BUSY: full',
            `What to do: ${error.remedy}`,
            'The same request may succeed later.',
          ].join('\n'),
        },
      ],
      _meta: { [ERROR_META]: error.toView() },
    });
  });

  it('has no structured content, which clients would hold against the output schema', () => {
    expect(toToolError(new Error('odd'))).not.toHaveProperty('structuredContent');
  });
});

describe('toErrorView', () => {
  it('cleans what others may have put there, and keeps causes to itself', () => {
    const secret = new Error('secret');
    const error = new CooeeError('ERR_API_QUERY', 'odd \u202e\u001b[2Jtext', { cause: secret });
    const view = toErrorView(error);
    expect(view.message).toBe('odd text');
    expect(JSON.stringify(view)).not.toContain('secret');
  });

  it('words a fault of our own as one', () => {
    expect(toErrorView(new TypeError('x is undefined'))).toMatchObject({
      code: 'ERR_API_INTERNAL',
      message: 'x is undefined',
      remedy: expect.stringContaining('report'),
    });
  });
});

describe('toToolResult', () => {
  it('is the same as text and structured', () => {
    expect(toToolResult({ text: 't', structured: { answer: 1 } })).toEqual({
      content: [{ type: 'text', text: 't' }],
      structuredContent: { answer: 1 },
    });
  });
});
