import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isAllowed, type OutboundRules, post, urlFault } from './outbound.ts'

const strict: OutboundRules = { privateNetworks: [], ports: [80, 443] }
const asked: string[] = []
const server = createServer((request, answer) => {
  asked.push(request.url ?? '')
  answer.writeHead(request.url === '/away' ? 302 : 200, { location: '/elsewhere' }).end('x'.repeat(100_000))
})
let port = 0
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  port = (server.address() as AddressInfo).port
})
afterAll(() => void server.close())

it('addresses of the internet are allowed, inner ones are not, however they are written', () => {
  for (const address of ['8.8.8.8', '223.5.5.5', '2400:3200::1', '::ffff:8.8.8.8']) expect(isAllowed(address, strict), address).toBe(true)
  for (const address of [
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '100.100.100.200',
    '0.0.0.0',
    '192.168.1.1',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
  ])
    expect(isAllowed(address, strict), address).toBe(false)
  for (const address of ['::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::7f00:1', '2002:7f00:1::', 'localhost', ''])
    expect(isAllowed(address, strict), address).toBe(false)
})

it('a private network that is configured is allowed, its neighbours are not', () => {
  const rules = { ...strict, privateNetworks: ['10.1.0.0/16', 'fd00::/8'] }
  expect(['10.1.255.1', '::ffff:10.1.0.1', 'fd00::7', '10.2.0.1', 'fe80::1'].map(address => isAllowed(address, rules))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ])
})

it('an address is http or https, without a password, on an allowed port', () => {
  expect(urlFault('https://example.com/hook', strict)).toBeUndefined()
  for (const url of [
    'ftp://example.com',
    'https://u:p@example.com',
    'http://example.com:8123/',
    'https://example.com:80443',
    'file:///etc/passwd',
    '',
  ])
    expect(urlFault(url, strict), url).toEqual(expect.any(String))
})

it('nothing is sent to an inner address, by number in any notation or by name', async () => {
  const rules = { ...strict, ports: [port] }
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]', '0'])
    expect(await post(`http://${host}:${port}/`, '{}', {}, rules), host).toEqual({ refused: 'private address' })
  expect(asked).toEqual([])
})

it('a redirect is an answer like any other', async () => {
  const rules = { privateNetworks: ['127.0.0.0/8'], ports: [port] }
  expect(await post(`http://127.0.0.1:${port}/away`, '{}', {}, rules)).toEqual({ status: 302 })
  expect(await post(`http://127.0.0.1:${port}/`, '{}', {}, rules)).toEqual({ status: 200 })
  expect(asked).toEqual(['/away', '/'])
})

it('who does not answer is told by a code alone', async () => {
  const rules = { privateNetworks: ['127.0.0.0/8'], ports: [1] }
  expect(await post('http://127.0.0.1:1/', '{}', {}, rules)).toEqual({ failed: 'ECONNREFUSED' })
})
