import {
  CooeeError,
  type ErrorDetails,
  isCooeeError,
  isErrorCode,
  toError,
} from '../../protocols/interface/index.ts';

const NO_DAEMON = new Set(['ECONNREFUSED', 'ELOOP', 'ENOENT', 'ENOTDIR', 'ENOTSOCK', 'EPROTOTYPE']);
const CUT = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_CLOSED']);
const SLOW = new Set([
  // Linux says so when a socket's row of connections to be taken is full.
  'EAGAIN',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'ETIMEDOUT',
]);

function systemCode(error: Error): string {
  const code: unknown = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : '';
}

/** True when the connection was cut under a request, so that nobody knows whether it was done. */
export function isCut(error: unknown): boolean {
  return CUT.has(systemCode(toError(error)));
}

/** True when there was no connection that the request could have been sent over. */
export function isUnsent(error: unknown): boolean {
  const code = systemCode(toError(error));
  return NO_DAEMON.has(code) || code === 'EAGAIN';
}

/** Whether who has begun to wait for something may go on after this: soon it may be otherwise. */
export function isPassing(error: CooeeError): boolean {
  return error.retryable || error.code === 'ERR_API_DAEMON_NOT_RUNNING';
}

/** What a failed attempt to talk to the socket means to a caller. Aborts pass through unchanged. */
export function fromTransport(thrown: unknown, socketPath: string): Error {
  const error = toError(thrown);
  if (isCooeeError(error)) return error;
  const code = systemCode(error);
  const init = { cause: error, details: { socketPath } };
  if (NO_DAEMON.has(code) || CUT.has(code)) {
    return new CooeeError('ERR_API_DAEMON_NOT_RUNNING', undefined, init);
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new CooeeError('ERR_API_FORBIDDEN', 'This user may not open the socket.', {
      ...init,
      remedy: 'Run as the user of the daemon, or use the agent socket.',
    });
  }
  if (SLOW.has(code)) return new CooeeError('ERR_API_TIMEOUT', undefined, init);
  return error;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function details(value: unknown): ErrorDetails {
  const out: Record<string, string | number | boolean | null> = {};
  for (const [key, item] of Object.entries(record(value))) {
    if (item === null || ['string', 'number', 'boolean'].includes(typeof item)) {
      out[key] = item as string | number | boolean | null;
    }
  }
  return out;
}

/** The daemon's `{error: {…}}` as the same CooeeError again; anything else is ERR_API_INTERNAL. */
export function fromAnswer(status: number, body: unknown): CooeeError {
  const view = record(record(body)['error']);
  const code = String(view['code'] ?? '');
  const message = String(view['message'] ?? `The daemon answered HTTP ${status}.`);
  if (!isErrorCode(code)) {
    // A newer daemon may know codes that this client does not.
    return new CooeeError('ERR_API_INTERNAL', message, { details: { status, code } });
  }
  const remedy = view['remedy'];
  return new CooeeError(code, message, {
    details: details(view['details']),
    ...(typeof remedy === 'string' ? { remedy } : {}),
  });
}
