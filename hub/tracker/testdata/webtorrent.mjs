// Two pages of Chromium, with npm's webtorrent, find each other by a tracker:
// each seeds something for the other.
//
//	node webtorrent.mjs PLAYWRIGHT CHROMIUM PAGE TRACKER
import { createRequire } from 'node:module'

const [playwright, executablePath, page, tracker] = process.argv.slice(2)
const { chromium } = createRequire(import.meta.url)(playwright)

const browser = await chromium.launch({
	executablePath,
	args: ['--no-sandbox', '--disable-features=WebRtcHideLocalIpsWithMdns'],
})
const open = async () => {
	const tab = await browser.newPage()
	tab.on('pageerror', (err) => console.error(err.message))
	await tab.goto(page)
	await tab.waitForFunction(() => window.client)
	return tab
}
const seed = ({ tracker, text }) =>
	new Promise((done, fail) => {
		window.client.on('error', fail)
		window.client.seed(new File([text], text.slice(0, 8) + '.txt'), { announce: [tracker] }, (t) => done(t.magnetURI))
	})
const fetchAll = async (magnet) => {
	const torrent = await new Promise((done, fail) => {
		window.client.on('error', fail)
		window.client.add(magnet, (t) => (t.done ? done(t) : t.on('done', () => done(t))))
	})
	return (await torrent.files[0].blob()).text()
}
try {
	const [ann, bob] = [await open(), await open()]
	for (const [from, to, text] of [[ann, bob, 'of ann '.repeat(20000)], [bob, ann, 'of bob '.repeat(20000)]]) {
		const magnet = await from.evaluate(seed, { tracker, text })
		if ((await to.evaluate(fetchAll, magnet)) !== text) throw new Error('something else arrived')
		console.log('arrived:', text.slice(0, 6))
	}
} finally {
	await browser.close()
}
