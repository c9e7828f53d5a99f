import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCollector } from '../../src/collect/collector.ts'
import type { Source } from '../../src/collect/sources.ts'
import { openFileLog } from '../../src/log/file/file-log.ts'

/** One of the two contenders of the collect bench, in a process of its own: `bare` or `collector`. Says its port, ends with its parent. */

const directory = mkdtempSync(join(tmpdir(), 'zhike-bench-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
process.on('disconnect', () => process.exit())

/** What any server must do: take the bytes, parse them, answer. */
function bare(): RequestListener {
  const answer = '{"success":true}'
  const headers = { 'Content-Type': 'application/json', 'Content-Length': answer.length }
  return (req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      JSON.parse(Buffer.concat(chunks).toString())
      res.writeHead(200, headers)
      res.end(answer)
    })
  }
}

async function collector(): Promise<RequestListener> {
  const source: Source = { key: 'bench', name: 'Bench', kind: 'other', enabled: true, createdAt: 0 }
  const sources = new Map([['bench-write-key', source]])
  const log = await openFileLog({ directory, key: Buffer.alloc(32, 1), now: Date.now })
  const { handle } = createCollector({ log, now: Date.now, sources: { withWriteKey: key => sources.get(key) } })
  return (req, res) => void handle(req, res)
}

const server = createServer(process.argv[2] === 'bare' ? bare() : await collector())
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
