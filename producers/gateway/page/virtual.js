// A long list of which only the visible rows are elements. Heights are measured when a row is shown, and estimated before.

import { prefersStill } from "./elements.js";

const MARGIN_PX = 300;  // rows beyond the visible part that are elements, too
const SETTLED_MS = 100;  // without a scroll event: the list has come to rest

export class VirtualList {
  /** The parent of `list` scrolls. `key(item)` tells rows apart, `render(item)` makes one, `version(item)` changes when it must be made anew.
   *  `finish(element, item)` adds what a row need not have while the list is scrolled, and leaves its height as it is. */
  constructor(list, { rowPx, key, render, version = item => item, finish = () => {}, onRender = () => {} }) {
    Object.assign(this, { list, rowPx, key, render, version, finish, onRender });
    this.items = [];
    this.heights = new Map();
    this.offsets = [0];
    this.rows = new Map();
    this.first = 0;
    this.scheduled = false;
    this.box = list.parentElement;
    this.box.addEventListener("scroll", () => this.schedule(), { passive: true });
    new ResizeObserver(() => this.resized()).observe(this.box);
  }

  set(items) {
    const anchor = this.anchor();
    this.items = items;
    this.measured();
    this.restore(anchor);
    this.show();
  }

  /** Every visible row is made anew. */
  refresh() {
    for (const row of this.rows.values()) row.version = undefined;
    this.show();
  }

  /** The element of a row that is shown, else undefined. */
  element(index) {
    const item = this.items[index];
    return item === undefined ? undefined : this.rows.get(this.key(item))?.element;
  }

  /** Brings a row into view: to the middle if it is not visible. Again once it is measured, if the estimates were wrong. */
  reveal(index, { block = "nearest", still = false } = {}) {
    for (let tries = 0; tries < 4; tries++) {
      const top = this.offsets[index], bottom = this.offsets[index + 1], high = this.box.clientHeight, now = this.box.scrollTop;
      if (block === "nearest" && top >= now && bottom <= now + high && this.element(index)) return;
      const wanted = Math.max(0, Math.min(top - (high - (bottom - top)) / 2, this.offsets.at(-1) - high));
      const near = Math.abs(wanted - now) < high && !still && !prefersStill();
      this.box.scrollTo({ top: wanted, behavior: near ? "smooth" : "instant" });
      if (near) return;
      this.show();
      block = "nearest";
    }
  }

  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => { this.scheduled = false; this.show(SETTLED_MS); });
  }

  resized() {
    if (this.box.clientWidth !== this.width) {
      this.width = this.box.clientWidth;
      for (const row of this.rows.values()) row.isMeasured = false;
    }
    this.schedule();
  }

  /** `restMs`: after which the rows are finished. */
  show(restMs = 0) {
    clearTimeout(this.resting);
    if (!this.box.clientHeight) return;
    const top = this.box.scrollTop - MARGIN_PX, bottom = this.box.scrollTop + this.box.clientHeight + MARGIN_PX;
    const first = this.at(top), last = Math.min(this.items.length, this.at(bottom) + 1);
    this.first = first;
    this.place(first, last);
    const anchor = this.anchor();
    if (this.measure()) {
      this.measured();
      this.pad(first, last);
      this.restore(anchor);
    }
    if (restMs) this.resting = setTimeout(() => { this.finishAll(); this.onRender(first, last); }, restMs);
    else this.finishAll();
    this.onRender(first, last);
  }

  finishAll() {
    if (!getSelection().isCollapsed) return;  // text is being selected, and would be replaced
    for (const row of this.rows.values()) this.finished(row);
  }

  finished(row) {
    if (!row.isFinished) this.finish(row.element, row.item);
    row.isFinished = true;
    return row.element;
  }

  /** The element of a row that is shown, finished; else undefined. */
  finishedElement(index) {
    const item = this.items[index], row = item === undefined ? undefined : this.rows.get(this.key(item));
    return row && this.finished(row);
  }

  /** Makes the elements of these rows, and of no others, the children of the list. */
  place(first, last) {
    const wanted = new Map();
    for (let index = first; index < last; index++) {
      const item = this.items[index], key = this.key(item), version = this.version(item);
      let row = this.rows.get(key);
      if (row === undefined || row.version !== version) row = { element: this.render(item), item, version, isMeasured: false, isFinished: false };
      number(row.element, index, this.items.length);
      wanted.set(key, row);
    }
    const hadFocus = [...this.rows].find(([, row]) => row.element.contains(document.activeElement))?.[0];
    for (const [key, row] of this.rows) if (wanted.get(key) !== row) row.element.remove();
    this.rows = wanted;
    let next = this.list.firstElementChild;
    for (const { element } of wanted.values()) {
      if (element === next) next = next.nextElementSibling;
      else this.list.insertBefore(element, next);
    }
    this.pad(first, last);
    if (hadFocus !== undefined && !this.list.contains(document.activeElement)) this.refocus(wanted.get(hadFocus));
  }

  refocus(row) {
    const place = row?.element.querySelector("button") || this.box;
    place.focus({ preventScroll: true });
  }

  pad(first, last) {
    this.list.style.paddingTop = this.offsets[first] + "px";
    this.list.style.paddingBottom = this.offsets.at(-1) - this.offsets[last] + "px";
  }

  measure() {
    let changed = false;
    for (const [key, row] of this.rows) {
      if (row.isMeasured) continue;
      row.isMeasured = true;
      const height = row.element.getBoundingClientRect().height;
      changed ||= height !== this.heights.get(key);
      this.heights.set(key, height);
    }
    return changed;
  }

  measured() {
    const offsets = new Array(this.items.length + 1);
    offsets[0] = 0;
    this.items.forEach((item, index) => { offsets[index + 1] = offsets[index] + (this.heights.get(this.key(item)) ?? this.rowPx); });
    this.offsets = offsets;
  }

  /** The row at the top of the visible part, and how much of it is above. */
  anchor() {
    const index = this.at(this.box.scrollTop), item = this.items[index];
    return item === undefined ? null : { key: this.key(item), index, above: this.box.scrollTop - this.offsets[index] };
  }

  restore(anchor) {
    if (anchor === null || !this.box.scrollTop) return;
    let index = anchor.index;
    if (this.items[index] === undefined || this.key(this.items[index]) !== anchor.key) {
      index = this.items.findIndex(item => this.key(item) === anchor.key);
    }
    if (index < 0) return;
    const wanted = this.offsets[index] + anchor.above;
    if (Math.abs(wanted - this.box.scrollTop) >= 1) this.box.scrollTop = wanted;
  }

  /** The row at this height, by bisection. */
  at(px) {
    let low = 0, high = Math.max(0, this.items.length - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.offsets[middle] <= px) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Its place in the whole list, of which a reader sees a part. */
function number(element, index, count) {
  if (element.ariaPosInSet !== String(index + 1)) element.ariaPosInSet = String(index + 1);
  if (element.ariaSetSize !== String(count)) element.ariaSetSize = String(count);
}
