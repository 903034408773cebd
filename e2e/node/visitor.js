// A person without a browser: follows redirects, fills in forms, keeps cookies. No script runs here.

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', '#34': '"', '#38': '&', '#39': "'", '#x27': "'", '#60': '<', '#62': '>' }
const unescaped = (text) => text.replace(/&([#\w]+);/g, (all, name) => entities[name] ?? all)
const attribute = (tag, name) => unescaped(new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? '')

export class Visitor {
  cookies = new Map()

  /** Goes to a page, signs in and agrees where it must, and ends at the app: the address of its answer. */
  async through(url, back, login, password) {
    let page = await this.go(url, back)
    for (let steps = 0; steps < 4 && page.html !== undefined; steps += 1) {
      const filled = page.html.includes('login-submit') ? { login, password } : { decision: 'approve' }
      page = await this.submit(page, filled, back)
    }
    return page.url
  }

  async submit(page, filled, back) {
    const marker = filled.login ? 'login-submit' : 'consent-approve'
    const form = page.html.split('<form').find((form) => form.includes(marker))
    if (form === undefined) throw new Error(`no .${marker} at ${page.url}: ${page.html}`)
    const body = new URLSearchParams()
    for (const [tag] of form.matchAll(/<input[^>]*>/g)) {
      if (attribute(tag, 'type') === 'hidden') body.append(attribute(tag, 'name'), attribute(tag, 'value'))
    }
    for (const [name, value] of Object.entries(filled)) body.set(name, value)
    return this.go(new URL(attribute(form, 'action'), page.url), back, { method: 'POST', body })
  }

  async go(url, back, init = {}) {
    for (let hops = 0; hops < 20; hops += 1) {
      if (String(url).startsWith(back)) return { url: new URL(url) }
      const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const answer = await fetch(url, { ...init, redirect: 'manual', headers: { cookie } })
      for (const set of answer.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(set)
        this.cookies.set(name, value)
      }
      if (answer.status !== 302 && answer.status !== 303) return { url, html: await answer.text() }
      url = new URL(answer.headers.get('location'), url)
      init = {}
    }
    throw new Error('too many redirects')
  }
}
