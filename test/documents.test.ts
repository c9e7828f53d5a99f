import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { readMapping } from '../src/import/mapping/mapping.ts'

const root = join(import.meta.dirname, '..')
const read = (page: string) => readFileSync(join(root, page), 'utf8')
const pages = [
  'README.md',
  'README.zh.md',
  'CONTRIBUTING.md',
  'examples/retail/SOURCES.md',
  'examples/clinic/README.md',
  ...readdirSync(join(root, 'docs'))
    .filter(file => file.endsWith('.md'))
    .map(file => `docs/${file}`),
]

test.each(pages)('the links of %s lead somewhere', page => {
  const text = read(page)
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)|src="([^"]+)"/g)].map(([, link, image]) => link ?? image ?? '')
  const local = targets.filter(target => !/^https?:/.test(target))
  expect(local.filter(target => !leads(page, target))).toEqual([])
})

function leads(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? join(root, page) : join(root, dirname(page), path)
  return existsSync(file) && (anchor === undefined || headings(readFileSync(file, 'utf8')).includes(anchor))
}

/** As GitHub makes anchors of them. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test('docs/operate.md names every setting of the environment, and no other', () => {
  const settings = (text: string) => [...new Set(text.match(/ZHIKE_[A-Z_]+/g))].sort()
  expect(settings(read('docs/operate.md'))).toEqual(settings(read('src/config.ts')))
})

test.each(['README.md', 'README.zh.md'])('the map of %s has every folder of src', page => {
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter(entry => entry.isDirectory())
  expect(folders.map(({ name }) => name).filter(name => !read(page).includes(`\`src/${name}\``))).toEqual([])
})

test('the mapping that docs/import.md shows can be used', () => {
  const [, document = ''] = /```json\n(.+?)```/s.exec(read('docs/import.md')) ?? []
  expect(readMapping(JSON.parse(document)).event).toBe('Order Completed')
})
