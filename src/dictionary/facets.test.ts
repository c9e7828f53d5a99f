import { expect, test } from 'vitest'
import { facetKeysOf, facetsOf } from './facets.ts'

test.each(['1990-03-05', '1990/3/5', '1990年3月5日', '19900305', '1990-03-05T00:00:00Z'])(
  'a birthday %s is a year, and a month and day',
  written => {
    expect(facetsOf('birthday', written)).toEqual({ 'birthday.year': 1990, 'birthday.monthDay': '03-05' })
  },
)

test('a day that does not exist has no facets', () => {
  for (const written of ['1990-02-30', '1990-13-01', '0001-01-01', 'spring', '', 19900305, null])
    expect(facetsOf('birthday', written)).toEqual({})
  expect(facetsOf('生日', '2000-02-29')).toEqual({ '生日.year': 2000, '生日.monthDay': '02-29' })
})

test.each([
  ['+86 139 0000 1234', 'mobile'],
  ['13000001234', 'unicom'],
  ['18900001234', 'telecom'],
  ['19200001234', 'broadnet'],
  ['17000001234', 'virtual'],
  [19900001234, 'telecom'],
])('%s is a number of %s', (phone, carrier) => {
  expect(facetsOf('phone', phone)).toEqual({ 'phone.carrier': carrier })
})

test('a foreign number has no carrier', () => {
  expect(facetsOf('mobile', '+1 415 555 0100')).toEqual({})
})

test('an e-mail has its domain, an address its city and province', () => {
  expect(facetsOf('email', 'Li.Lei@Example.COM')).toEqual({ 'email.domain': 'example.com' })
  expect(facetsOf('address', { city: '杭州', province: '浙江', street: '文三路', postalCode: 310000 })).toEqual({
    'address.city': '杭州',
    'address.province': '浙江',
  })
  expect(facetsOf('address', '杭州市文三路')).toEqual({})
})

test('a trait that is not personal has no facets, and every facet is among the keys that it can have', () => {
  expect([facetsOf('plan', 'gold'), facetKeysOf('plan')]).toEqual([{}, []])
  expect(facetKeysOf('birthday')).toEqual(['birthday.year', 'birthday.monthDay'])
  for (const [key, value] of [
    ['birthday', '1990-03-05'],
    ['phone', '13000001234'],
    ['email', 'a@b.cn'],
    ['address', { country: 'CN', province: 'ZJ', state: 'x', city: 'y' }],
  ] as const) {
    expect(facetKeysOf(key)).toEqual(expect.arrayContaining(Object.keys(facetsOf(key, value))))
  }
})
