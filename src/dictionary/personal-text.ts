import type { PersonalSort } from './personal-keys.ts'

/** Gives what stands for a personal value: its keyed hash. */
export type Hide = (sort: PersonalSort, value: string) => string

const gap = '[ \\-._()\\u00a0\\u2013\\u2014\\u3000]{1,2}'
/** A Chinese mobile number in the groups people write it in, with or without its country code. */
const mobile = new RegExp(
  `(?<!\\d)(?:(?:\\+|00)?86${gap.replace('{1,2}', '{0,2}')})?1[3-9]\\d(?:(?:${gap})?\\d{4}(?:${gap})?\\d{4}|${gap}\\d{3}${gap}\\d{5}|\\d(?:${gap})?\\d{3}(?:${gap})?\\d{4}|\\d(?:${gap})?\\d{4}(?:${gap})?\\d{3}|\\d{2}${gap}\\d{6}|\\d{3}${gap}\\d{5}|(?:${gap}\\d{2}){4})(?!\\d)`,
  'g',
)
const international = /(?<![\d+])\+[1-9]\d{0,2}(?:[ \-.()\u00a0]{0,2}\d){7,13}(?!\d)/g
const email =
  /[^\s@<>()[\]{}"'`,;:\\/?&=，。；：、（）《》“”|]{1,64}(?:@|%40)(?:[\p{L}\d](?:[\p{L}\d-]{0,62})\.)+\p{L}{2,24}(?![\p{L}\d])/giu
const idCard = /(?<!\d)[1-8]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\d)/g
const bankCard = /(?<!\d)(?:62\d{14,17}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?)(?!\d)/g

const fileEnding = /\.(png|jpe?g|gif|webp|svg|avif|ico|css|m?[jt]sx?|json|html?|map|woff2?|ttf|mp[34])$/i
const hexDigit = /[0-9a-f]/i
const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi

/**
 * The text with phones, e-mail addresses, identity numbers and bank cards replaced; the text itself when it holds none.
 * @param opaque the text names a thing (an order number): digits in it are no phone and no card
 */
export function hideInText(text: string, hide: Hide, opaque = false): string {
  if ((lookAt(text) & (seen.digits | seen.sign)) === 0) return text
  const looked: Looked = { text, ascii: narrow(text) }
  const bare = (opaque && /^[\w.-]*$/.test(looked.ascii)) || isDecimal(looked.ascii)
  if (looked.ascii.includes('@') || looked.ascii.includes('%40'))
    replace(looked, email, found => (fileEnding.test(found) ? found : hide('email', found)))
  replace(looked, idCard, found => (isIdCard(found) ? hide('id_card', found) : found))
  if (bare) return looked.text
  replace(looked, bankCard, found => (passesLuhn(found) ? hide('bank_card', found) : found))
  replace(looked, mobile, (found, offset, whole) => (insideOpaqueToken(whole, offset, found.length) ? found : hide('phone', found)))
  if (looked.ascii.includes('+')) replace(looked, international, found => hide('phone', found))
  return looked.text
}

/** The text as it will be kept, and the same with its wide forms narrowed, character for character: patterns look at the second. */
interface Looked {
  text: string
  ascii: string
}

function replace(looked: Looked, pattern: RegExp, stands: (found: string, offset: number, whole: string) => string): void {
  const { text, ascii } = looked
  let from = 0
  let keptText = ''
  let keptAscii = ''
  pattern.lastIndex = 0
  for (let match = pattern.exec(ascii); match; match = pattern.exec(ascii)) {
    const instead = stands(match[0], match.index, ascii)
    if (instead === match[0]) continue
    keptText += text.slice(from, match.index) + instead
    keptAscii += ascii.slice(from, match.index) + instead
    from = match.index + match[0].length
  }
  if (from === 0) return
  looked.text = keptText + text.slice(from)
  looked.ascii = keptAscii + ascii.slice(from)
}

/** A number that can only be a phone or an identity number (which a JSON number rounds, but region and birthday survive). */
export function sortOfNumber(number: number): PersonalSort | undefined {
  // A minus in front (a list that was cut out of a text, say) makes it no less a phone.
  const value = Math.abs(number)
  if (value < 1.3e10 || !Number.isInteger(value)) return undefined
  if (value < 2e10 || (value >= 8613e9 && value < 862e10)) return 'phone'
  return value >= 1e17 && value < 1e18 && looksLikeIdCard(BigInt(value).toString()) ? 'id_card' : undefined
}

/** One form per value, so that the same phone written differently has the same hash. */
export function canonical(sort: PersonalSort, value: string): string {
  const plain = narrow(value).trim()
  if (sort === 'email') return plain.replace('%40', '@').toLowerCase()
  if (sort === 'id_card' || sort === 'bank_card' || sort === 'plate') return plain.replace(/[\s-]/g, '').toUpperCase()
  if (sort !== 'phone') return plain
  const digits = plain.replace(/\D/g, '').replace(/^00/, '')
  if (/^1[3-9]\d{9}$/.test(digits)) return `+86${digits}`
  return plain.startsWith('+') || plain.startsWith('00') || /^861[3-9]\d{9}$/.test(digits) ? `+${digits}` : digits
}

/** What a first look at a text sees: bits, 0 when it can hold nothing. */
export const seen = { digits: 1, sign: 2, url: 4 } as const

/** One cheap pass, as most text holds nothing: eleven digits with only gaps between; an `@`, a `%`, a `+` or wide characters; an `=` or `://`. */
export function lookAt(text: string): number {
  let found = 0
  let digits = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    const kind = code < 128 ? kinds[code] : code >= 0xff01 && code <= 0xff5e ? kindOf.sign : wideGaps.has(code) ? kindOf.gap : kindOf.other
    if (kind === kindOf.other) {
      digits = 0
    } else if (kind === kindOf.digit) {
      if (++digits === 11) found |= seen.digits
    } else if (kind !== kindOf.gap) {
      found |= kind === kindOf.sign ? seen.sign : kind === kindOf.equals || text.charCodeAt(index + 1) === 47 ? seen.url : 0
      if (code === 37) found |= seen.url
      digits = 0
    }
  }
  return found
}

const kindOf = { other: 0, digit: 1, gap: 2, sign: 3, equals: 4, colon: 5 } as const
const wideGaps = new Set([0xa0, 0x2013, 0x2014, 0x3000])
const kinds = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  if (character >= '0' && character <= '9') return kindOf.digit
  if (' -._()'.includes(character)) return kindOf.gap
  if ('@%+'.includes(character)) return kindOf.sign
  return character === '=' ? kindOf.equals : character === ':' ? kindOf.colon : kindOf.other
})

/** Full-width forms as their ASCII ones, one for one. */
function narrow(text: string): string {
  return text.replace(/[０-９Ａ-Ｚａ-ｚ＠．－＋（）％＿]/g, wide => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
}

function isDecimal(text: string): boolean {
  return /^[+-]?\d{1,9}\.\d+$/.test(text)
}

/** Eleven digits inside a UUID or a hexadecimal digest are no phone. */
function insideOpaqueToken(text: string, offset: number, length: number): boolean {
  let from = offset
  let until = offset + length
  while (from > offset - 64 && from > 0 && hexDigit.test(text[from - 1] ?? '')) from--
  while (until < offset + length + 64 && until < text.length && hexDigit.test(text[until] ?? '')) until++
  const run = text.slice(from, until)
  if (run.length >= 16 && /^[0-9a-f]+$/i.test(run) && /[a-f]/i.test(run)) return true
  const start = Math.max(0, offset - 36)
  return [...text.slice(start, offset + length + 36).matchAll(uuid)].some(
    ({ index }) => start + index <= offset && offset + length <= start + index + 36,
  )
}

const provinces = new Set(
  '11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83'.split(' '),
)

function looksLikeIdCard(digits: string): boolean {
  return provinces.has(digits.slice(0, 2)) && /^\d{6}(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])/.test(digits)
}

/** Region and check character of GB 11643-1999. */
function isIdCard(text: string): boolean {
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
  const sum = weights.reduce((total, weight, index) => total + weight * Number(text[index]), 0)
  return looksLikeIdCard(text) && '10X98765432'[sum % 11] === text[17]?.toUpperCase()
}

/** ISO/IEC 7812-1, annex B. */
function passesLuhn(text: string): boolean {
  const digits = text.replace(/\D/g, '')
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[digits.length - 1 - index])
    sum += index % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0)
  }
  return sum % 10 === 0
}
