import { chromium } from 'playwright-core';
const b=await chromium.launch({executablePath:'/usr/bin/chromium',args:['--no-sandbox','--disable-gpu','--disable-background-networking','--disable-component-update','--disable-sync','--no-first-run']});
for (const [w,h,scheme] of [[390,844,'light'],[820,1180,'light'],[1440,900,'light'],[1440,900,'dark'],[390,844,'dark']]) {
 const c=await b.newContext({viewport:{width:w,height:h},colorScheme:scheme}); const p=await c.newPage();
 p.on('console',m=>['error','warning'].includes(m.type())&&console.log(w,'console',m.type(),m.text().slice(0,400))); p.on('pageerror',e=>console.log('pageerror',e));
 await p.addInitScript(()=>addEventListener('securitypolicyviolation',e=>console.info('V')||console.error('CSPV',e.effectiveDirective,e.blockedURI,e.sample,e.sourceFile,e.lineNumber,e.columnNumber)));
 await p.goto('http://127.0.0.1:18080/'); await p.waitForSelector('.graphiql-container .CodeMirror'); await p.waitForTimeout(1500);
 await p.screenshot({path:`/tmp/look-${w}-${scheme}.png`});
 await p.click('.graphiql-execute-button'); await p.waitForTimeout(800);
 await p.screenshot({path:`/tmp/look-${w}-${scheme}-run.png`});
 if(scheme=='light'){ await p.click('[aria-label="Show Documentation Explorer"]'); await p.waitForTimeout(500); await p.screenshot({path:`/tmp/look-${w}-doc.png`});
 await p.click('[aria-label="Hide Documentation Explorer"]');
 await p.click('[aria-label="Open settings dialog"]'); await p.waitForTimeout(500); await p.screenshot({path:`/tmp/look-${w}-set.png`}); await p.keyboard.press('Escape');
 await p.click('[aria-label="Show History"]'); await p.waitForTimeout(300);
 await p.click('.graphiql-query-editor .CodeMirror'); await p.keyboard.press('Control+End'); await p.keyboard.type('{ hea'); await p.keyboard.press('Control+Space'); await p.waitForTimeout(600); await p.screenshot({path:`/tmp/look-${w}-hint.png`}); await p.keyboard.press('Escape');
 // hover
 await p.hover('.cm-property >> nth=0').catch(e=>console.log('hover',String(e).slice(0,100))); await p.waitForTimeout(600);}
 await c.close();
}
await b.close();
