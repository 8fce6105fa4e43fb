# `make help` shows what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help install docs browser mypaint quickstart neural-painters neural-painters-docs pictures page-pictures gallery class-pictures ablations ablations-quick ablations-docs weights test test-all test-gpu lint format bench bench-scale bench-paint painter-curves gpu-recipes chaos clean

# The first Python on this machine that the project runs on; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT ?= outputs/quickstart
FAULTS ?= 200
SEED ?= 0
comma := ,

# A photograph that comes with scikit-image.
PHOTOGRAPH = $(shell $(BIN)/python -c 'import skimage; print(skimage.__path__[0])')/data/$(1).png

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-16s %s\n", $$1, $$2}'
	@echo; echo "python run.py --help shows the tasks, groups and knobs (after: source $(BIN)/activate)"

install: $(STAMP) ## make .venv and install, once

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 to 3.13 — install one, or give PYTHON=path" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m impasto.runtime.warm_up
	touch $@

# Install Debian's packages if that can be done without a question, and be done.
define debian
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; [ -t 0 ] || sudo="$${sudo:+sudo -n}"; \
	if command -v apt-get > /dev/null && $$sudo true; then \
		$$sudo apt-get update -q && \
			$$sudo apt-get install -qy --no-install-recommends $(1) && exit 0; \
	fi;
endef

BROWSERS := chromium chromium-browser google-chrome google-chrome-stable

browser: ## install Debian's Chromium for the tests that need a browser, if there is none
	@found=$$(command -v $(BROWSERS) | head -n 1); \
	if [ -n "$$found" ]; then echo "there is a browser: $$found"; exit 0; fi; \
	$(call debian,chromium) \
	echo "error: NO BROWSER, and none could be installed by apt-get — install Chromium or Chrome;" \
		"the tests that need one are skipped until then" >&2; exit 2

mypaint: ## install MyPaint's brush engine and brushes for stroke=mypaint, from Debian's packages
	@if dpkg -s libmypaint-1.5-1 mypaint-brushes > /dev/null 2>&1; then \
		echo "there is MyPaint: libmypaint-1.5-1, mypaint-brushes"; exit 0; fi; \
	$(call debian,libmypaint-1.5-1 mypaint-brushes) \
	echo "error: NO MYPAINT, and apt-get could not install it — install libmypaint 1.5 or 1.6 and" \
		"mypaint-brushes; stroke=mypaint and its tests need them" >&2; exit 2

docs: export NO_MKDOCS_2_WARNING = 1
docs: $(STAMP) ## build the site of docs/ into build/site, strictly
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/mkdocs build --strict --quiet
	@echo "site: build/site/index.html"

# At 32 px a second thread gains nothing, and waiting for it on a busy machine costs tenfold.
quickstart: export OMP_NUM_THREADS = 1
# The folder of an earlier quickstart goes first, if nothing else lies in it.
quickstart: $(STAMP) ## train a renderer and an agent, paint digits and a photograph (minutes)
	$(BIN)/python -m impasto.tasks.runs.written_files $(OUT)
	$(BIN)/python run.py task=pretrain experiment=quickstart_renderer hydra.run.dir=$(OUT)/renderer
	$(BIN)/python run.py task=train experiment=quickstart renderer=neural \
		renderer.weights=$(OUT)/renderer hydra.run.dir=$(OUT)/agent
	$(BIN)/python run.py task=paint experiment=quickstart_photograph hydra.run.dir=$(OUT)/photograph \
		image=$(call PHOTOGRAPH,astronaut)
	$(BIN)/python run.py task=gallery runs=[$(OUT)/renderer,$(OUT)/agent,$(OUT)/photograph] \
		hydra.run.dir=$(OUT)/page

# A stop loses little: runs that learn go on by resume=auto. MNIST=FOLDER where it lies already, else it
# is downloaded; FEATURES=default downloads VGG-16's weights, too, FEATURES=FILE has them.
NEURAL := outputs/neural-painters
FEATURES ?= random
THROUGH = stroke=mypaint stroke.max_width=0.2 renderer=$(1) renderer.weights=$(NEURAL)/$(1)
neural-painters: $(STAMP) mypaint ## MyPaint's strokes learned, and painted with: a page of pictures (40 minutes; MNIST=FOLDER)
	for kind in vae gan; do \
		$(BIN)/python run.py task=pretrain experiment=neural_painters/$${kind}_renderer resume=auto \
			logger=none hydra.run.dir=$(NEURAL)/$${kind} || exit 1; \
	done
	$(BIN)/python run.py task=train experiment=neural_painters/mnist resume=auto logger=none \
		renderer.weights=$(NEURAL)/gan hydra.run.dir=$(NEURAL)/mnist $(if $(MNIST),data.root=$(MNIST))
	$(BIN)/python run.py task=visualize class=3 $(call THROUGH,vae) descent.grayscale=true export=[svg,gif] \
		hydra.run.dir=$(NEURAL)/ideal
	$(BIN)/python run.py task=stylize image=$(call PHOTOGRAPH,astronaut) $(call THROUGH,gan) strokes=600 \
		grid.canvases=3 descent.steps=60 features.weights=$(FEATURES) hydra.run.dir=$(NEURAL)/style
	$(BIN)/python run.py task=gallery hydra.run.dir=$(NEURAL)/page \
		runs=[$(NEURAL)/vae,$(NEURAL)/gan,$(NEURAL)/mnist,$(NEURAL)/ideal,$(NEURAL)/style]

neural-painters-docs: ## put its pictures into docs/ (but none of MNIST)
	for kind in vae gan; do cp $(NEURAL)/$${kind}/strokes.png docs/pictures/strokes_$${kind}.png; done
	cp $(NEURAL)/ideal/transfer.png docs/pictures/ideal_3_vae.png
	cp $(NEURAL)/style/astronaut/transfer.png docs/pictures/astronaut_gan.png

pictures: $(STAMP) ## make the pictures in docs/ again (after make quickstart)
	$(BIN)/python run.py task=paint strokes=200 export=[] hydra.run.dir=outputs/pictures/photographs \
		"image=[$(call PHOTOGRAPH,astronaut),$(call PHOTOGRAPH,chelsea),$(call PHOTOGRAPH,coffee)]"
	$(BIN)/python -c "from skimage import data, io, transform as t; \
		io.imsave('outputs/pictures/coffee.png', (255 * t.resize(data.coffee(), (200, 300), \
		anti_aliasing=True)).round().astype('uint8'))"
	$(BIN)/python run.py task=paint strokes=100 image=outputs/pictures/coffee.png \
		hydra.run.dir=outputs/pictures/film
	$(BIN)/python run.py task=paint style=oil strokes=1000 size=1000 export=[relief] \
		"image=$(call PHOTOGRAPH,coffee)" hydra.run.dir=outputs/pictures/relief
	$(BIN)/python run.py task=paint style=oil strokes=2000 size=1500 export=[relief] \
		"image=$(call PHOTOGRAPH,chelsea)" hydra.run.dir=outputs/pictures/cat
	for detail in none faces; do \
		$(BIN)/python run.py task=paint detail=$$detail strokes=300 size=1024 export=[] \
			"image=[$(call PHOTOGRAPH,astronaut)]" hydra.run.dir=outputs/pictures/detail-$$detail || exit 1; \
	done
	$(BIN)/python -m benchmarks.styles --sheets outputs/pictures outputs/pictures/detail-none outputs/pictures/detail-faces
	$(BIN)/python run.py task=paint stroke.opaque=true stroke.palette=8 stroke.max_width=0.02 strokes=1000 \
		canvas.background=[1,1,1] quality=sketch export=[plot] "image=$(call PHOTOGRAPH,coffee)" \
		hydra.run.dir=outputs/pictures/plot
	mkdir -p docs/pictures
	$(BIN)/python -c "from PIL import Image as i; \
		i.open('outputs/pictures/relief/coffee/relief.png').save('docs/pictures/relief_coffee.jpg', quality=85); \
		i.open('outputs/pictures/cat/chelsea/relief.png').crop((400, 200, 1200, 700)).save( \
			'docs/pictures/relief_chelsea.jpg', quality=85); \
		i.open('outputs/pictures/plot/coffee/plot.png').resize((1000, 708), 1).quantize(64).save('docs/pictures/plot_coffee.png')"
	cp outputs/pictures/crops.jpg docs/pictures/faces_astronaut.jpg
	cp outputs/pictures/film/coffee/painting.gif docs/pictures/coffee.gif
	cp outputs/pictures/film/coffee/painting.png docs/pictures/coffee.png
	cp outputs/pictures/photographs/paintings.png docs/pictures/photographs.png
	cp $(OUT)/agent/paintings.png docs/pictures/digits.png

page-pictures: $(STAMP) browser ## a film and pictures of the page in use, for docs/page.md (about 5 minutes)
	@set -e; log=$$(mktemp); $(BIN)/python run.py task=serve > $$log 2>&1 & server=$$!; \
	trap 'kill $$server; rm $$log' EXIT; \
	until grep -q "is open at" $$log; do kill -0 $$server || { cat $$log; exit 1; }; sleep 1; done; \
	$(BIN)/python -m scripts.page_pictures "$$(sed -n 's/.*open at \(.*\);.*/\1/p' $$log)"

gallery: STYLES = photo oil watercolor ink poster
gallery: NAMES = $(shell $(BIN)/python -c 'from benchmarks.photographs import find_path; \
	from benchmarks.styles import PHOTOGRAPHS; print(*map(find_path, PHOTOGRAPHS), sep=",")')
gallery: $(STAMP) ## six photographs in five styles at 2048 px, side by side in docs/gallery
	for style in $(STYLES); do \
		$(BIN)/python run.py task=paint style=$$style strokes=2000 quality=sketch detail=auto size=2048 export=[] \
			"image=[$(NAMES)]" hydra.run.dir=outputs/gallery/$$style || exit 1; \
	done
	$(BIN)/python -m benchmarks.styles --sheets docs/gallery $(STYLES:%=outputs/gallery/%)

class-pictures: $(STAMP) ## five of ImageNet's classes in 200 strokes: docs/pictures/classes.jpg (20 minutes)
	for class in violin "school bus" pineapple strawberry starfish; do \
		$(BIN)/python run.py task=visualize "class='$$class'" classifiers=[efficientnet_lite0] \
			held_out=efficientnet_lite1 goal=logit strokes=200 stroke.max_width=0.15 canvas.size=192 size=1024 \
			views.count=3 views.shift=0.2 views.scale=0.35 views.angle=20 \
			"hydra.run.dir=outputs/classes/$$(echo $$class | tr ' ' _)" || exit 1; \
	done
	$(BIN)/python -c "from PIL import Image as i; sheet = i.new('RGB', (1500, 300)); \
		[sheet.paste(i.open(f'outputs/classes/{name}/painting.png').convert('RGB').resize((300, 300)), (300 * k, 0)) \
			for k, name in enumerate('violin school_bus pineapple strawberry starfish'.split())]; \
		sheet.save('docs/pictures/classes.jpg', quality=85)"

ablations: $(STAMP) ## the papers' experiments in small (3 hours; MNIST=FOLDER, or it is downloaded)
	$(BIN)/python run.py task=ablations hydra.run.dir=outputs/ablations
	$(BIN)/python run.py task=ablations rows=[a,c] hydra.run.dir=outputs/ablations-mnist \
		'vary=["data=mnist","data.val_limit=200","data.test_limit=1000"$(if $(MNIST),$(comma)"data.root=$(MNIST)")]'

ablations-quick: $(STAMP) ## the same machinery with next to no training (15 minutes)
	$(BIN)/python run.py task=ablations scale=quick hydra.run.dir=outputs/ablations-quick

# The digits may be shown; of other sets the figures are kept, and no picture.
ablations-docs: ## put the reports of make ablations into docs/
	rm -rf docs/ablations/[a-h] docs/ablations/report.md docs/ablations/mnist
	mkdir -p docs/ablations/mnist
	cp -r outputs/ablations/report.md outputs/ablations/[a-h] docs/ablations/
	cp -r outputs/ablations-mnist/report.md outputs/ablations-mnist/[a-h] docs/ablations/mnist/
	find docs/ablations -name report.html -delete
	find docs/ablations/mnist -name 'paintings*.png' -delete
	for file in docs/ablations/mnist/*/report.md; do \
		grep -v 'The same test images' $$file > $$file.new && mv $$file.new $$file; done

# Each ends in impasto/weights/NAME, with its card and checksums; a stop loses nothing, as resume=auto
# goes on. A GPU takes larger ones: agent.actor.width=64 updates=200000 agent.actor_scheduler.T_max=200000, say.
weights: export OMP_NUM_THREADS = 1
weights: $(STAMP) ## train the agents that come with the project again (an hour on one core)
	$(BIN)/python run.py task=train experiment=photos_first resume=auto logger=none \
		hydra.run.dir=outputs/weights/photos_first
	for name in digits photos; do \
		$(BIN)/python run.py task=train experiment=$${name}_agent resume=auto logger=none \
			hydra.run.dir=outputs/weights/$$name && \
		$(BIN)/python run.py task=publish experiment=$${name}_agent name=$$name \
			runs=[outputs/weights/$$name] hydra.run.dir=outputs/weights/$$name-publish \
			$$(test $$name = photos || echo photographs=[]) || exit 1; \
	done

test: $(STAMP) ## run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

test-all: $(STAMP) ## run the tests, the slow ones too
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m "not gpu"

test-gpu: $(STAMP) ## run the tests that need a CUDA device (STAMP= BIN=FOLDER: with the Python there)
	$(BIN)/python -m pytest -m gpu tests/gpu tests/impasto/strokes

lint: $(STAMP) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

PYTEST_BENCHMARK = $(BIN)/python -m pytest benchmarks -m "" --benchmark-timer=benchmarks.machine.clock \
	--benchmark-storage=benchmarks/history --benchmark-autosave --benchmark-columns=min,median,stddev,rounds
# What was measured is reported, whatever failed.
bench: $(STAMP) ## time what matters, beside the hardware's floor (ONLY=strokes,training PEER=FOLDER WRITE=1)
	$(PYTEST_BENCHMARK) $(if $(ONLY),--only '$(ONLY)') $(if $(PEER),--peer '$(abspath $(PEER))') \
		$(if $(PEERS),--peers '$(abspath $(PEERS))'); code=$$?; \
		[ $$code -gt 1 ] || $(BIN)/python -m benchmarks.report $(if $(WRITE),--write) || code=2; exit $$code

bench-scale: $(STAMP) ## how cost grows with strokes, pixels and pictures: slopes, and docs/pictures/cost.png
	$(PYTEST_BENCHMARK) --only growth
	$(BIN)/python -m benchmarks.report --picture docs/pictures/cost.png

# PEERS=FOLDER holds programs that are no part of this project (docs/measuring.md).
bench-paint: $(STAMP) ## measure painter=optimize on photographs (PARTS=ten PARTS=worth LARGE=1 PEERS=FOLDER WRITE=1)
	$(MAKE) bench ONLY='$(or $(PARTS),ten large cold) $(if $(LARGE),posters) $(if $(PEERS),rivals)'

painter-curves: TEN = $(shell $(BIN)/python -c 'from benchmarks.photographs import TEN, find_path; \
	print(*map(find_path, TEN), sep=",")')
painter-curves: $(STAMP) ## PSNR of three painters by strokes and by seconds, the agent's sheet: docs/pictures/painters.png, agent.png
	$(BIN)/python run.py task=evaluate painters=[optimize,agent,agent+optimize] agent.weights=photos \
		counts=[50,100,200,400,800] hydra.run.dir=outputs/painter-curves size=128 \
		"image=[$(call PHOTOGRAPH,astronaut),$(call PHOTOGRAPH,chelsea),$(call PHOTOGRAPH,coffee)]"
	cp outputs/painter-curves/painters.png docs/pictures/painters.png
	$(BIN)/python run.py task=evaluate painters=[agent] agent.weights=photos counts=[200,1000] size=128 \
		hydra.run.dir=outputs/agent-sheet "image=[$(TEN)]"
	cp outputs/agent-sheet/paintings.png docs/pictures/agent.png

# Each command goes on where the last one stopped, in outputs/gpu-recipes (docs/gpu.md).
gpu-recipes: MINUTES ?= 9
gpu-recipes: SCALE ?= paper
gpu-recipes: $(STAMP) ## the papers' recipes on a GPU, 9 minutes of them (DATA=FOLDER OUT=FOLDER MINUTES=9)
	@test -n "$(DATA)" || { echo "error: DATA is not given — give a folder that holds celeba/ and imagenet/" >&2; exit 2; }
	$(BIN)/python -m scripts.recipes --data "$(DATA)" --minutes $(MINUTES) --scale $(SCALE) --stages "$(STAGES)" \
		--out "$(if $(filter file,$(origin OUT)),outputs/gpu-recipes/out,$(OUT))" $(OVERRIDES)

# Runs are killed, filled up, damaged and gone on with, and compared bit for bit with undisturbed ones.
chaos: export OMP_NUM_THREADS = 1
chaos: $(STAMP) ## inject 200 faults into real runs, and count those survived (FAULTS=200 SEED=0)
	$(BIN)/python -m tests.chaos --faults $(FAULTS) --seed $(SEED) --folder outputs/chaos

clean: ## remove caches and build files; runs, data and .venv stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
