/// The browser helper: `fetch` for web pages, with the key and with session tokens that it gets by itself.
///
/// Made by `Scripts/browser-helper.py` from `Scripts/browser-helper.js`, which is the one to read and to change.
package enum ClientScript {
    /// Where the edge serves it.
    package static let path = "/.well-known/daypass/client.js"

    /// The module's text, less than 2048 bytes.
    package static let text = #"""
        const wait=(signal,work)=>new Promise((resolve,reject)=>{const stop=()=>reject(signal.reason);Promise.resolve(work).then(resolve,reject).finally(()=>signal?.removeEventListener("abort",stop));if(signal?.aborted)stop();signal?.addEventListener("abort",stop)});export const daypass=({key,base})=>{let token,r=0,end=0;let m;let reads;const send=async(path,init,s)=>{const headers=new Headers(init.headers);headers.set("Authorization","Bearer "+key);const url=base+(path[0]=="/"?path:"/"+path);if(s)headers.set("X-Session-Token",s);for(let tries=3,left=30;;tries--){const answer=await fetch(url,{...init,headers});const w=parseInt(answer.headers.get("Retry-After"));if(answer.status!=429&&answer.status!=503||!(w>=0)||w>left||!tries||init.body instanceof ReadableStream)return answer;left -=w;await wait(init.signal,new Promise((resolve)=>setTimeout(resolve,w*1e3)))}};const mint=async()=>{const ask=()=>send("/sessions",{method:"POST"},token);let answer=await ask();if(answer.status==401&&token){token=end=0;answer=await ask()}const now=Date.now();if(answer.ok){const{data}=await answer.json();const life=Math.max(3e4,Date.parse(data.expiresAt)- now);token=data.sessionToken;r=now+life*.8;end=now+life}else if(now<end){r=now+5e3}else{return answer}};return{async fetch(path,init={}){init.signal?.throwIfAborted();const i=/^(get|head)$/i.test(init.method||"get");for(let again=true;;again=false){let s;if(!i||reads){if(!token||Date.now()>=r){m||=mint().finally(()=>m=0);const q=await wait(init.signal,m);if(q)return q.clone()}s=token}const answer=await send(path,init,s);if(answer.status!=401)return answer;const code=(await answer.clone().json().catch(()=>0))?.error?.code;const o=s&&s==token;if(code=="SESSION_INVALID"&&o)token=end=0;if(code=="SESSION_EXPIRED"&&o)r=end=0;if(code=="SESSION_REQUIRED")reads=true;if(!again||init.body instanceof ReadableStream||code!="SESSION_EXPIRED"&&!(code=="SESSION_REQUIRED"&&!s))return answer}}}};

        """#

    /// What tells its versions apart: the beginning of the text's SHA-256, quoted as an `ETag` is.
    package static let etag: String = {
        let digest = SecretDigest(of: text).bytes.prefix(12)
        return "\"" + digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() + "\""
    }()
}
