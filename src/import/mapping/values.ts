/** A number as people write it: `1,234.50`, `1.234,50`, `¥ 99`, `-3`, `12%` is none. Undefined where it is not one. */
export function numberFrom(text: string, decimal: '.' | ','): number | undefined {
  const value = plainDecimal.test(text) && decimal === '.' ? Number(text) : written(text, decimal)
  return value !== undefined && Number.isFinite(value) ? value : undefined
}

/**
 * An amount of money in its major unit: `shift` is −2 where the file has 分. Exact to the last digit that a number can hold:
 * the digits are read as a whole number and divided once.
 */
export function amountFrom(text: string, decimal: '.' | ',', shift: number): number | undefined {
  if (shift === 0 && decimal === '.' && plainDecimal.test(text)) return Number(text)
  const bare = text.replace(currencySigns, '')
  if (shift === 0) return numberFrom(bare, decimal)
  const plain = plainDecimal.test(bare) && decimal === '.' ? bare : normalised(bare, decimal)
  if (plain === undefined) return undefined
  const [whole = '', fraction = ''] = plain.split('.')
  const value = Number(`${whole}${fraction}e${shift - fraction.length}`)
  return Number.isFinite(value) ? value : undefined
}

const plainDecimal = /^-?\d+(?:\.\d+)?$/
const currencySigns = /^[\s]*[¥￥$€£]\s*|\s*(?:元|圆|RMB|CNY)\s*$/gi

function written(text: string, decimal: '.' | ','): number | undefined {
  const plain = normalised(text, decimal)
  return plain === undefined ? undefined : Number(plain)
}

const grouped = {
  '.': /^[+-]?(?:\d{1,3}(?:[,\s']\d{3})+|\d+)?(?:\.\d*)?(?:e[+-]?\d{1,3})?$/i,
  ',': /^[+-]?(?:\d{1,3}(?:[.\s']\d{3})+|\d+)?(?:,\d*)?(?:e[+-]?\d{1,3})?$/i,
}

/** Without signs of grouping, with a dot; full-width digits as the others. */
function normalised(text: string, decimal: '.' | ','): string | undefined {
  const narrow = text.normalize('NFKC').trim()
  if (!/\d/.test(narrow) || !grouped[decimal].test(narrow)) return undefined
  const bare = decimal === ',' ? narrow.replace(/[.\s']/g, '').replace(',', '.') : narrow.replace(/[,\s']/g, '')
  return bare.replace(/^\+/, '')
}

const yes = new Set(['true', '1', 'yes', 'y', 't', 'on', '是', '有', '对', '真', '已'])
const no = new Set(['false', '0', 'no', 'n', 'f', 'off', '否', '无', '没有', '错', '假', '未'])

export function booleanFrom(text: string): boolean | undefined {
  const word = text.toLowerCase()
  return yes.has(word) ? true : no.has(word) ? false : undefined
}
