import { createServer, type Server } from 'node:net'

/** Below the range from which systems take the ports of outgoing connections: nobody gets one by accident while its engine is being restarted. */
const lowest = 20_000
const highest = 32_000

/** Free loopback ports, all different. Nobody holds them until the engine listens, so a start may have to be repeated with others. */
export async function freePorts(count: number): Promise<number[]> {
  const held: { port: number; server: Server }[] = []
  for (let tries = 0; held.length < count; tries++) {
    if (tries > 1000) throw new Error(`no free port on 127.0.0.1 between ${lowest} and ${highest}`)
    const port = lowest + Math.floor(Math.random() * (highest - lowest))
    const server = await listenOn(port)
    if (server) held.push({ port, server })
  }
  await Promise.all(held.map(({ server }) => new Promise(resolve => server.close(resolve))))
  return held.map(({ port }) => port)
}

function listenOn(port: number): Promise<Server | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server))
  })
}
