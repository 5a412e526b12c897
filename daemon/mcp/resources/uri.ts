import { CooeeError } from '../../../protocols/interface/index.ts';
import { formatAddress, parseAddress } from '../../../protocols/ucxl/index.ts';

const SCHEME = 'ucxl://';

/** What `resources/templates/list` offers: any address, percent-encoded, behind the scheme. */
export const RESOURCE_TEMPLATE = 'ucxl:///{address}';

/**
 * The URI of a record. An address is no URI after RFC 3986 (`ucxl://any:human@COOEE:help/#/call/1`
 * would have a port `help` and a fragment), and clients that parse what a server lists refuse the
 * whole list. So what stands behind the scheme becomes a path:
 * `ucxl:///any:human@COOEE:help/%23/call/1`.
 */
export function toUri(address: string): string {
  const segments = address.slice(SCHEME.length).split('/').map(encodeSegment);
  return `${SCHEME}/${segments.join('/')}`;
}

/**
 * The canonical address that a client means: by the URI that {@link toUri} made, or by the address
 * itself, which never begins with a slash.
 *
 * @throws CooeeError ERR_UCXL_SYNTAX, ERR_UCXL_TEMPORAL
 */
export function fromUri(uri: string): string {
  const isUri = uri.startsWith(`${SCHEME}/`);
  return formatAddress(parseAddress(isUri ? SCHEME + decode(uri.slice(SCHEME.length + 1)) : uri));
}

/** The address of the record as it is now, whichever version of it the address names. */
export function presentOf(address: string): string {
  const parsed = parseAddress(address);
  return formatAddress(
    parsed.kind === 'record' ? { ...parsed, temporal: { kind: 'now' } } : parsed,
  );
}

/** `:` and `@` may stand in a path (RFC 3986, section 3.3) and keep it readable. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replaceAll('%3A', ':').replaceAll('%40', '@');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new CooeeError('ERR_UCXL_SYNTAX', 'the URI is not valid percent-encoding', { cause });
  }
}
