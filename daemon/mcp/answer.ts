import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import {
  CooeeError,
  type ErrorView,
  isCooeeError,
  sanitizeValue,
  toError,
} from '../../protocols/interface/index.ts';
import type { ToolAnswer } from './tool.ts';

/** Where programs find the error of a tool: as the API has it. */
export const ERROR_META = 'cooee/error';

/** A tool's answer as MCP has it: structured, and as text for clients that show only that. */
export function toToolResult({ text, structured }: ToolAnswer): CallToolResult {
  return { content: [{ type: 'text', text }], structuredContent: structured };
}

/**
 * A failure as a tool error, which the model reads: code, message and what to do next. It is no
 * structured content, since clients hold that against the output schema.
 */
export function toToolError(thrown: unknown): CallToolResult {
  const error = toErrorView(thrown);
  return {
    isError: true,
    content: [{ type: 'text', text: errorText(error) }],
    _meta: { [ERROR_META]: error },
  };
}

/** A failure of a request that is no tool call: the SDK sends code, message and data. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  /** JSON-RPC 2.0, section 5.1. */
  readonly code: number;
  /** The error as the API has it. */
  readonly data: ErrorView;

  constructor(code: number, data: ErrorView) {
    super(errorText(data));
    this.code = code;
    this.data = data;
  }
}

function errorText({ code, message, remedy, retryable }: ErrorView): string {
  const lines = [`${code}: ${message}`, ...(remedy === '' ? [] : [`What to do: ${remedy}`])];
  if (retryable) lines.push('The same request may succeed later.');
  return lines.join('\n');
}

/** Any failure as the API words it, without what could deceive a reader. */
export function toErrorView(thrown: unknown): ErrorView {
  const error = isCooeeError(thrown)
    ? thrown
    : new CooeeError('ERR_API_INTERNAL', toError(thrown).message, {
        remedy: 'This is a fault of the program itself; please report it.',
      });
  return sanitizeValue(error.toView());
}
