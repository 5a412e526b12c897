// The peer of the query bench: Node's HTTP server, which answers every request with the same bytes.
// Arguments: the socket path, the file that holds the answer.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [, , socketPath = '', file = ''] = process.argv;
const answer = readFileSync(file, 'utf8');
const server = createServer((_request, response) => {
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(answer),
  });
  response.end(answer);
});
server.listen(socketPath, () => process.send?.('listening'));
process.once('message', () => process.exit());
