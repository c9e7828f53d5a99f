import { lookup } from 'node:dns'
import { request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/** Where requests that somebody configured may go. */
export interface OutboundRules {
  /** Private networks that are allowed nonetheless: `10.1.0.0/16`. */
  privateNetworks: readonly string[]
  ports: readonly number[]
}

/** What came of a request; what went wrong says nothing about what stands behind an address. */
export type OutboundOutcome = { status: number } | { refused: string } | { failed: string }

const timeoutMs = 10_000

/** Loopback, private, link-local, shared, documentation, multicast and reserved: nothing that a receiver on the internet has. */
const inner = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24'],
  ...['192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...[
    '::/128',
    '::1/128',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '100::/64',
    '2001::/23',
    '2001:db8::/32',
    '2002::/16',
    'fc00::/7',
    'fe80::/10',
    'ff00::/8',
  ],
]

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix = ''] = network.split('/')
    list.addSubnet(address, Number(prefix), isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
  return list
}

const innerList = listOf(inner)

/** Whether an address may be connected to. IPv4 addresses inside of IPv6 count as what they are. */
export function isAllowed(address: string, rules: OutboundRules): boolean {
  const mapped = /^::ffff:(.+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return isIP(mapped) === 4 && isAllowed(mapped, rules)
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  return isIP(address) !== 0 && (!innerList.check(address, family) || listOf(rules.privateNetworks).check(address, family))
}

/** Why an address may not be used, as far as its text tells; undefined where it may. */
export function urlFault(url: string, { ports }: OutboundRules): string | undefined {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol)) return 'must be an http or https address'
  if (parsed.username || parsed.password) return 'may not hold a user name or password'
  const port = parsed.port === '' ? (parsed.protocol === 'https:' ? 443 : 80) : Number(parsed.port)
  return ports.includes(port) ? undefined : `may use the ports ${ports.join(', ')}`
}

/** Posts JSON. The address is checked as it is connected to, whatever its name was resolved to before; redirects are not followed, the answer is not read. */
export function post(
  url: string,
  body: string,
  headers: Record<string, string>,
  rules: OutboundRules,
  stopping?: AbortSignal,
): Promise<OutboundOutcome> {
  const fault = urlFault(url, rules)
  if (fault) return Promise.resolve({ refused: fault })
  const { hostname, protocol } = new URL(url)
  const literal = hostname.replace(/^\[|\]$/g, '')
  if (isIP(literal) !== 0 && !isAllowed(literal, rules)) return Promise.resolve({ refused: 'private address' })
  const request = protocol === 'https:' ? secureRequest : plainRequest
  const { promise, resolve } = Promise.withResolvers<OutboundOutcome>()
  const sent = request(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), 'user-agent': 'zhike' },
    lookup: publicLookup(rules),
    agent: false,
    signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(stopping ? [stopping] : [])]),
  })
  sent.on('response', answer => {
    resolve({ status: answer.statusCode ?? 0 })
    answer.destroy()
  })
  sent.on('error', (error: NodeJS.ErrnoException) =>
    resolve(error instanceof PrivateAddress ? { refused: 'private address' } : { failed: error.code ?? 'no answer' }),
  )
  sent.end(body)
  return promise
}

class PrivateAddress extends Error {}

/** Resolves a name to addresses that may be connected to, all of them: one that may not refuses the name. */
function publicLookup(rules: OutboundRules): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '', 0)
      if (addresses.length === 0 || !addresses.every(({ address }) => isAllowed(address, rules)))
        return callback(new PrivateAddress(), '', 0)
      const [first] = addresses
      if (options.all) return callback(null, addresses)
      callback(null, first?.address ?? '', first?.family ?? 0)
    })
  }
}
