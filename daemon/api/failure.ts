import type { Socket } from 'node:net';
import {
  CooeeError,
  ERROR_CODES,
  type ErrorCode,
  isCooeeError,
} from '../../protocols/interface/index.ts';

/** Faults that fastify finds before a handler runs. */
const FASTIFY_CODES: Readonly<Record<string, readonly [ErrorCode, string?]>> = {
  FST_ERR_BAD_URL: ['ERR_API_QUERY', 'The path is not valid percent-encoding.'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['ERR_API_BODY_TOO_LARGE'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['ERR_API_BODY', 'Content-Length and body differ.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['ERR_API_BODY', 'Content-Type must be application/json.'],
  FST_ERR_MAX_PARAM_LENGTH: ['ERR_API_QUERY', 'A part of the path is too long.'],
};

/** Faults that node's HTTP parser finds before fastify sees a request. */
const PARSER_CODES: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'ERR_API_REQUEST_SLOW',
  HPE_HEADER_OVERFLOW: 'ERR_API_HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'ERR_API_BODY_TOO_LARGE',
};

function codeOf(thrown: unknown): string {
  const code: unknown = (thrown as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/**
 * Any failure of a request as a CooeeError; one that is not known becomes ERR_API_INTERNAL, cause
 * kept.
 */
export function toCooeeError(thrown: unknown): CooeeError {
  if (isCooeeError(thrown)) return thrown;
  const [code, message] = FASTIFY_CODES[codeOf(thrown)] ?? [];
  if (code !== undefined) return new CooeeError(code, message, { cause: thrown });
  return new CooeeError('ERR_API_INTERNAL', undefined, { cause: thrown });
}

/** The HTTP status of an error. */
export function statusOf(error: CooeeError): number {
  return ERROR_CODES[error.code].http;
}

/** The body of an error: never a cause, never a stack. */
export function toErrorJson(error: CooeeError): string {
  return JSON.stringify({ error: error.toView() });
}

/** Answers what is no HTTP request (or came too slowly) and closes the connection. */
export function answerClientError(fault: Error, socket: Socket): CooeeError | undefined {
  const answering = (socket as { _httpMessage?: { headersSent?: boolean } | null })._httpMessage;
  const name = codeOf(fault);
  if (name === 'ECONNRESET' || !socket.writable || answering?.headersSent === true) {
    socket.destroy();
    return undefined;
  }
  const error = new CooeeError(PARSER_CODES[name] ?? 'ERR_API_HTTP');
  const body = toErrorJson(error);
  const head = [
    `HTTP/1.1 ${statusOf(error)} Refused`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(SAFE_HEADERS).map(([key, value]) => `${key}: ${value}`),
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  return error;
}

/** Sent with every answer: nothing here is for a browser, nothing is to be stored. */
export const SAFE_HEADERS = {
  'content-security-policy': "default-src 'none'",
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
} as const;
