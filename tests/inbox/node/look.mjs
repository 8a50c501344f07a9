// Opens pages in Chromium and prints what it sees as JSON: look.mjs FOLDER PICTURES PAGE.html...
// No network: what lies in PICTURES is answered by its name, as our own host would; the pages are also seen with images
// off. Screenshots go into FOLDER.
import fs from 'fs';
import path from 'path';
import { createRequire } from 'module';
import puppeteer from 'puppeteer-core';

const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const [folder, pictures, ...files] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND'],
});

// What a program does that inverts on its own: every colour is turned round, whatever the page says.
function invert() {
  const turn = value => value.replace(/rgba?\((\d+), (\d+), (\d+)/, (_, r, g, b) => `rgb${value.startsWith('rgba') ? 'a' : ''}(${255 - r}, ${255 - g}, ${255 - b}`);
  const all = [...document.querySelectorAll('body, body *')].map(node => {
    const style = getComputedStyle(node);
    return [node, style.color, style.backgroundColor];
  });
  for (const [node, color, background] of all) {
    node.style.setProperty('color', turn(color), 'important');
    if (!background.endsWith(', 0)')) node.style.setProperty('background-color', turn(background), 'important');
  }
}

async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, {
    runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']},
    rules: {region: {enabled: false}, 'landmark-one-main': {enabled: false}},
  }));
  return found.violations.map(v => `${v.id} x${v.nodes.length}: ${v.nodes[0].html.slice(0, 120)}`);
}

const overflow = page => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
const result = {};
for (const file of files) {
  const name = path.basename(file, '.html');
  const html = fs.readFileSync(file, 'utf8');
  const page = await browser.newPage();
  await page.setRequestInterception(true);
  const asked = new Set();
  let imagesOn = true;
  page.on('request', request => {
    const picture = path.join(pictures, path.basename(new URL(request.url()).pathname));
    if (!request.url().startsWith('http')) return request.continue();
    asked.add(request.url());
    if (imagesOn && request.resourceType() === 'image' && fs.existsSync(picture))
      return request.respond({contentType: 'image/jpeg', body: fs.readFileSync(picture)});
    return request.abort();
  });
  const open = async (text, scheme = 'light') => {
    await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: scheme}]);
    await page.setContent(text, {waitUntil: 'load'});
  };
  const seen = result[name] = {overflow: {}, axe: {}};
  for (const scheme of ['light', 'dark']) {
    await open(html, scheme);
    for (const width of [320, 360, 390, 600, 1200]) {
      await page.setViewport({width, height: 900});
      seen.overflow[`${scheme} ${width}`] = await overflow(page);
      if (width === 390 || width === 600)
        await page.screenshot({path: path.join(folder, `${name}-${width}-${scheme}.png`), clip: {x: 0, y: 0, width, height: 1100}, captureBeyondViewport: true});
    }
    await page.setViewport({width: 600, height: 900});
    seen.axe[scheme] = await violations(page);
  }
  await open(html);
  seen.visible = await page.evaluate(() => document.body.innerText);
  seen.broken = await page.evaluate(() => [...document.images].filter(one => !one.naturalWidth).map(one => one.src));
  imagesOn = false;
  await open(html);
  seen.withoutImages = await page.evaluate(() => document.body.innerText);
  imagesOn = true;
  await open(html);
  await page.evaluate(invert);
  seen.axe.inverted = await violations(page);
  await open(html);
  await page.evaluate(() => { document.documentElement.setAttribute('data-ogsc', ''); document.documentElement.setAttribute('data-ogsb', ''); });
  seen.axe.ogsc = await violations(page);
  await open(html);
  await page.evaluate(() => { for (const node of document.querySelectorAll('body, body *')) if (node.childNodes.length) node.dataset.size = parseFloat(getComputedStyle(node).fontSize) * 2;
    for (const node of document.querySelectorAll('[data-size]')) node.style.fontSize = node.dataset.size + 'px'; });
  seen.overflow['200 % text'] = await overflow(page);
  await open(html.replace(/<style[\s\S]*?<\/style>/g, ''));
  for (const width of [320, 600]) {
    await page.setViewport({width, height: 900});
    seen.overflow[`stripped ${width}`] = await overflow(page);
  }
  seen.strippedVisible = await page.evaluate(() => document.body.innerText);
  seen.asked = [...asked];
  await page.close();
}
await browser.close();
console.log(JSON.stringify(result));
