"""What the whole page needs beside MultiQC's own looks: style and a script, carried by its first section.

It works without a network. Where scripts are off, tables still scroll and figures are still shown.
"""

from __future__ import annotations

# MultiQC greets every new reader with a link to its own tutorial video, above what failed. Its tabs stand in
# one line, however many there are, and made the page as wide as themselves.
STYLE = """<style>
#mqc_welcome{display:none!important}
.interactive-switch-group,.mqc-section .btn-group{flex-wrap:wrap;height:auto;max-width:100%}
.mqc-section,.mainpage{overflow-wrap:break-word}
.tg-table{overflow:auto;position:relative}
.tg-table thead{position:sticky;top:0;background:#fff;z-index:1}
.tg-table td:last-child:nth-child(n+4){min-width:14rem}
.tg-cue{display:none;color:#8a4b00;font-size:.8rem;margin:2px 0 0}
.tg-cue.tg-on{display:block}
.tg-cut-right{box-shadow:inset -14px 0 10px -10px rgba(0,0,0,.45)}
.tg-cut-below{box-shadow:inset 0 -14px 10px -10px rgba(0,0,0,.45)}
.tg-cut-right.tg-cut-below{box-shadow:inset -14px -14px 10px -10px rgba(0,0,0,.45)}
.tg-terms{padding-left:1.1rem;margin-bottom:.4rem;font-size:.9rem}
img.tg-zoom{cursor:zoom-in}
dialog.tg-full{border:0;padding:0;width:100vw;height:100vh;max-width:100vw;max-height:100vh;background:#fff;
 overflow:auto;-webkit-overflow-scrolling:touch}
dialog.tg-full button{position:fixed;top:8px;right:8px;z-index:1}
dialog.tg-full img{max-width:none;width:max(100%,1100px);display:block}
</style>"""

# A table or list that is cut says so under it, in which direction; a figure that is tapped fills the screen,
# where it can be moved about.
SCRIPT = """<script>
(function () {
  var BOXES = '.tg-table, .tg-cards, .mqc-section .table-responsive, .mqc-section .mqc-table-responsive';
  function cue(box) {
    var right = box.scrollWidth - box.clientWidth - box.scrollLeft > 4;
    var below = box.scrollHeight - box.clientHeight - box.scrollTop > 4;
    var line = box.nextElementSibling;
    if (!line || !line.classList.contains('tg-cue')) {
      line = document.createElement('p');
      line.className = 'tg-cue';
      box.after(line);
    }
    box.classList.toggle('tg-cut-right', right);
    box.classList.toggle('tg-cut-below', below);
    line.textContent = 'More ' + [right && 'to the right', below && 'below'].filter(Boolean).join(' and ')
      + ': scroll here.';
    line.classList.toggle('tg-on', right || below);
  }
  function all() { document.querySelectorAll(BOXES).forEach(cue); }
  function start() {
    document.querySelectorAll(BOXES).forEach(function (box) {
      box.addEventListener('scroll', function () { cue(box); });
    });
    all();
    window.addEventListener('resize', all);
    document.addEventListener('click', function (event) {
      setTimeout(all, 400);
      var image = event.target.closest('img.tg-zoom');
      if (!image || !window.HTMLDialogElement) { return; }
      var full = document.createElement('dialog'), copy = document.createElement('img');
      var close = document.createElement('button');
      full.className = 'tg-full';
      close.className = 'btn btn-sm btn-dark';
      close.textContent = 'Close';
      copy.src = image.src;
      copy.alt = image.alt;
      full.append(close, copy);
      full.addEventListener('click', function () { full.close(); });
      full.addEventListener('close', function () { full.remove(); });
      document.body.append(full);
      full.showModal();
    });
  }
  if (document.readyState === 'complete') { start(); } else { window.addEventListener('load', start); }
})();
</script>"""
