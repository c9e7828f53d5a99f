import { createServer } from 'node:net'
import { runningServer } from '../running-server.ts'
import type { Look } from './finding.ts'

/** Whether a server could listen where it is to; nothing to say where one does already. */
export const listeningPort: Look = async ({ dataDir, host, port }) => {
  if (await runningServer(dataDir)) return undefined
  const fault = await faultOfListening(host, port)
  if (!fault) return { about: 'port', state: 'ok', found: `port ${port} on ${host} is free` }
  const why =
    fault === 'EADDRINUSE' ? 'is taken by another program' : fault === 'EACCES' ? 'may not be opened by this user' : 'cannot be opened'
  return {
    about: 'port',
    state: 'fault',
    found: `port ${port} on ${host} ${why}`,
    todo: 'stop that program, or choose another with ZHIKE_PORT and ZHIKE_HOST',
  }
}

function faultOfListening(host: string, port: number): Promise<string | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'))
    server.listen(port, host, () => server.close(() => resolve(undefined)))
  })
}
