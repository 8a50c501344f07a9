"""What counts as the same word: how people in the field write it, case by case."""

from __future__ import annotations

import pytest

from newsletter.match.matcher import match_topic
from newsletter.match.topics import parse_topic
from newsletter.match.words import fold_entry
from tests.support.builders import make_entry

# keyword | + for found, - for not | text
_CASES = r"""
# singular and plural
language model | + | Language models at night
language models | + | A language model at night
agent | + | Agents that trade
agents | + | An agent that trades
policy | + | Learning policies offline
policies | + | Learning a policy offline
taxonomy | + | Two taxonomies of errors
query | + | Answering queries about tables
box | + | Detecting boxes
boxes | + | Detecting a box
mesh | + | Meshes from photographs
batch | + | Large batches
patches | + | A patch of the image
loss | + | Losses that are bounded
loss | - | A los in the mist
losses | + | A loss that is bounded
process | + | Gaussian processes
processes | + | A Gaussian process
bias | + | Biases of judges
biases | + | The bias of judges
class | + | Many classes
classes | + | A class of functions
hero | + | Heroes of the web
zoo | + | Model zoos
focus | - | A focu of interest
corpus | + | Corpora of speech
corpora | + | A corpus of speech
matrix | + | Sparse matrices
matrices | + | A sparse matrix
vertex | + | Colouring vertices
vertices | + | One vertex of a graph
index | + | Building indices
indices | + | Building an index
index | + | Building indexes
simplex | + | Simplices in space
analysis | + | Analyses of runs
analyses | + | An analysis of runs
hypothesis | + | Testing hypotheses
hypotheses | + | Testing a hypothesis
basis | + | Two bases of a space
synthesis | + | Syntheses of proteins
diagnosis | + | Early diagnoses
criterion | + | Stopping criteria
criteria | + | A stopping criterion
phenomenon | + | Strange phenomena
automaton | + | Cellular automata
automata | + | A cellular automaton
spectrum | + | Spectra of graphs
optimum | + | Local optima
minimum | + | Flat minima
minima | + | A flat minimum
formula | + | Formulae in logic
formula | + | Formulas in logic
nucleus | + | Nuclei in tissue
stimulus | + | Visual stimuli
child | + | Stories for children
mouse | + | Brains of mice
leaf | + | Leaves of a tree
topic | + | Topics over time
topics | + | A topic over time
metric | + | Metrics for speech
metrics | + | A metric for speech
heuristic | + | Learned heuristics
characteristics | + | A characteristic of speech
statistics | + | A statistic of the sample
logic | + | Modal logics
diagnostic | + | Diagnostics for chains
robotics | - | A robotic arm
robotic | - | Advances in robotics
physics | - | A physic of old
dynamics | - | A dynamic graph
dynamic | - | The dynamics of a graph
semantics | - | Semantic parsing
graphics | - | A graphic novel
ethics | - | An ethic of care
genetic | - | The genetics of wheat
neural network | + | Neural networks for graphs
neural networks | + | A neural network for graphs
neural network | - | Network neural
recurrent neural network | + | Recurrent neural networks
lens | + | A lens on attention
series | + | Time series of prices
consensus | - | A consensu of agents
news | + | News of the day
GPU | + | Training on eight GPUs
GPUs | + | Training on one GPU
LLM | + | LLMs agree
LLMs | + | An LLM agrees
LoRA | + | Many LoRAs in one model
AIs | + | An AI that plays
# British and American
behavior cloning | + | Behaviour cloning from video
behaviour cloning | + | Behavior cloning from video
behavioral | + | A behavioural study
color | + | Colours of birds
colour | + | The color of birds
multicolor | + | Multicolour imaging
neighbor | + | Nearest neighbours
nearest neighbour search | + | Nearest neighbor search at scale
neighborhood | + | A neighbourhood of points
tumor | + | Tumours in scans
tumour segmentation | + | Tumor segmentation in scans
favorable | + | A favourable bound
humour | + | Detecting humor
labeled data | + | Little labelled data
labelled data | + | Little labeled data
unlabeled data | + | Plenty of unlabelled data
modeling | + | Modelling rain
modelling | + | Modeling rain
topic modeling | + | Topic modelling of news
signaling | + | Cell signalling
traveling salesman | + | The travelling salesman again
optimization | + | Convex optimisation
optimisation | + | Convex optimization
optimize | + | How to optimise prompts
optimizer | + | A new optimiser
optimizers | + | Two optimisers
generalization | + | On generalisation
regularization | + | Implicit regularisation
tokenizer | + | A tokeniser for code
tokenization | + | Tokenisation of code
quantization | + | Quantisation of weights
quantized | + | Quantised weights
personalized recommendation | + | Personalised recommendations
initialization | + | The initialisation matters
visualization | + | Visualisation of states
summarization | + | Summarisation of meetings
normalizing flow | + | Normalising flows
realization | + | A realisation of the process
analyze | + | We analyse errors
analyse | + | We analyze errors
analyzer | + | A program analyser
catalyst | + | Search for catalysts
center | + | The centre of mass
centre | + | The center of mass
data center | + | Cooling a data centre
epicenter | + | The epicentre of the quake
fiber | + | Optical fibres
theater | + | An operating theatre
kilometer | + | A kilometre of road
parameter | + | Parameters of a model
parameter | - | A parametre
dialog | + | Task-oriented dialogue
dialogue | + | Task-oriented dialog systems
catalog | + | A catalogue of stars
analogue | + | An analog circuit
defense | + | A defence against attacks
license | + | Licences of data sets
gray | + | Grey images
grayscale | + | Greyscale images
program synthesis | + | Programme synthesis
artifact | + | Artefacts in scans
judgment | + | Human judgement
aging | + | The ageing brain
pediatric | + | Paediatric care
leukemia | + | Cells of leukaemia
noise | - | A noize
size | - | A sise
prize | - | Surprise
four | - | For all
our | - | Or else
# hyphens, blanks, slashes
fine-tuning | + | Finetuning a robot
fine-tuning | + | Fine tuning a robot
finetuning | + | Fine-tuning a robot
fine tuning | + | Finetuning a robot
fine-tuning | + | Fine – tuning
fine-tuning | + | Fine‐tuning a robot
fine-tuning | + | Fine–tuning a robot
fine-tuning | - | Finetuned robots
fine-tuning | - | A fine robot. Tuning it
pre-training | + | Pretraining on code
pretraining | + | Pre-training on code
multi-modal | + | Multimodal agents
multimodal | + | Multi-modal agents
zero-shot | + | Zero shot transfer
few-shot learning | + | Few shot learning with noise
text-to-image | + | Text to image generation
text to image | + | Text-to-image generation
end-to-end | + | End to end driving
self-supervised | + | Selfsupervised features
self-supervised learning | + | Self supervised learning of speech
non-linear | + | Nonlinear dynamics
nonlinear | + | Non-linear dynamics
data set | + | A dataset of songs
dataset | + | A data set of songs
datasets | + | Two data sets of songs
code base | + | A large codebase
co-training | + | Cotraining two views
cross-entropy | + | Cross entropy and its friends
state-of-the-art | + | State of the art parsing
state of the art | + | State-of-the-art parsing
vision-language model | + | Vision language models
vision-language model | + | Vision/language models
vision-language model | - | Vision-language-action models
vision-language | + | Vision-language-action models
mixture-of-experts | + | A mixture of experts
chain-of-thought | + | Chain of thought prompting
chain of thought | + | Chain-of-Thought prompting
image/text | + | Image-text pairs
image-text | + | Image/text pairs
on-device | + | Ondevice inference
real-time | + | Realtime rendering
AND/OR | + | AND-OR trees
long-context | + | Long context models
k-means | + | k means of points
k-means | + | $k$-means of points
k-means | - | The means of k
kNN | + | A kNN graph
k-NN | + | kNN graphs
set up | - | A set of updates
on line | - | On. Line by line
AI | - | A I walk
ML | - | M L are letters
# numbers and versions
GPT-4 | + | GPT4 at school
GPT4 | + | GPT-4 at school
GPT-4 | + | GPT 4 at school
GPT-4 | - | GPT-40 at school
GPT-4 | - | GPT-4o at school
GPT-3 | - | GPT-3.5 at school
GPT-3.5 | + | GPT 3.5 at school
Llama 2 | + | Llama-2 chats
Llama-2 | + | Llama2 chats
Llama 2 | - | Llama 3 chats
3D | + | 3-D shapes
3-D | + | 3D shapes
3D Gaussian splatting | + | 3D Gaussian Splatting in the dark
2D | - | 3D shapes
Qwen2.5 | + | Qwen2.5 and friends
Qwen2.5 | + | Qwen 2.5 and friends
COVID-19 | + | COVID19 in schools
F1 | + | An F1 score
4-bit | + | 4 bit weights
4-bit | + | 4bit weights
1.58-bit | + | 1.58 bit weights
H100 | - | H1000 cards
ImageNet-1K | + | ImageNet 1K again
# terms in capitals
RL | + | RL with rewards
RL | + | Deep-RL agents
RL | - | The world is round
RL | - | An url of a page
RL | - | MARL at home
IR | + | Neural IR today
IR | - | Their first paper
NER | + | Biomedical NER
NER | - | A trainer for dogs
RAG | + | RAG for tables
RAG | - | A rag doll
RAG | - | Storage and drag
RAG | + | A RAG-based helper
rag | + | A rag doll
rag | + | RAG for tables
ViT | + | Tiny ViTs
ViT | - | A vit of joy
ViT | - | Vital signs
GAN | - | We began to walk
LLM | - | vLLM is fast
LLM | - | MLLM at work
LLM | + | LLM-based agents
LLM | + | LLM-as-a-judge
LLM | + | (LLM) agents
LLM | + | “LLM” agents
SAM | - | Sam walks the dog
BERT | + | BERT reads
BERT | + | \textsc{BERT} reads
BERT | - | RoBERTa reads
CoT | + | CoT prompting
CoT | - | A cot for the night
ASR | - | Laser ranging
PDE | + | Neural PDE solvers
PDEs | + | A PDE with noise
# programming and signs
C++ | + | Translating C++ into Rust
C++ | - | Translating C into Rust
C | - | Translating C++ into Rust
C# | + | Tests for C# code
C | - | Tests for C# code
k-means++ | + | Seeding by k-means++
Q&A | + | Q&A about code
A-star | + | A star search
R&D | + | R&D in firms
# LaTeX, accents, ligatures, scripts
Poincare | + | Poincar\'e maps
Poincaré | + | Poincare maps
Poincaré | + | Poincar\'{e} maps
Schrödinger | + | Schr\"odinger bridges
Schrodinger bridge | + | Schr\"{o}dinger bridges
Erdős | + | Erd\H{o}s graphs
naive Bayes | + | Na\"ive Bayes again
naïve | + | A naive bound
robust | + | \emph{Robust} bounds
model | + | \textbf{model} merging
$\alpha$-divergence | + | α-divergence
α-divergence | + | $\alpha$-divergence
efficient | + | Eﬃcient attention
finetuning | + | ﬁnetuning
attention | + | at­tention in layers
ABC | + | ＡＢＣ in full width
cafe | + | Café talk
Müller | + | Muller cells
Łukasiewicz | + | Lukasiewicz logic
機械学習 | + | 大規模な機械学習の話
学習 | + | 深層学習
言語モデル | - | 言語の話。モデルの話
обучение | + | Глубокое обучение
обучение | + | ОБУЧЕНИЕ с учителем
# possessives, quotes, sentences
Adam | + | Adam's steps
model | + | The model’s answers
models | + | The models’ answers
bird's-eye view | + | Bird’s eye view of roads
bird's-eye view | + | A bird's eye view of roads
chatbot | + | “Chatbots” in quotes
graph neural network | + | Graph neural networks (GNNs)
graph neural network | - | We draw graphs. Neural networks follow
graph neural network | - | Graph, neural network
deep learning | - | Deep: learning to walk
deep learning | + | deep learning.
world model | - | The world; model it
large language model | + | Large Language Models: a view
# short and long forms
RAG | + | Retrieval-augmented generation, slowly
RAG | + | Retrieval augmented generation, slowly
retrieval-augmented generation | + | RAG for tables
retrieval-augmented generation | - | A rag doll
LLM | + | Large language models agree
large language model | + | LLMs agree
LLM | - | Language models agree
RL | + | Reinforcement learning from pixels
reinforcement learning | + | RL from pixels
RLHF | + | Reinforcement learning from human feedback
reinforcement learning from human feedback | + | RLHF-trained models
GNN | + | Graph neural networks
NeRF | + | Neural radiance fields
MoE | + | Mixture-of-experts layers
LoRA | + | Low-rank adaptation of models
SLAM | + | Simultaneous localization and mapping
SLAM | + | Simultaneous localisation and mapping
VLM | + | Vision-language models
TTS | + | Text-to-speech in Welsh
ViT | + | Vision transformers
LLM agent | + | Large language model agents
large language model agent | + | LLM agents
multi-agent RL | + | Multi-agent reinforcement learning
RAG evaluation | + | Evaluation of rags. Retrieval-augmented generation evaluation
rag doll | - | Retrieval-augmented generation doll
large language models (LLMs) | + | An LLM agrees
large language models (LLMs) | + | Large language models agree
=RAG | - | Retrieval-augmented generation, slowly
=RAG | + | RAG for tables
=RAG | - | RAGs for tables
# words inside words, and other words
supervised | - | Unsupervised parsing
art | - | Smart homes
agent | - | Agentic flows
agent | - | Agency of people
general | - | Generation of text
universal | - | The university
robot | - | Robotics now
operator learning | - | Cooperator learning
form | - | Transformers
test | - | The latest model
# more of the same kinds
metric | + | Evaluation metrics
topic | + | Latent topics
topics | + | A hot topic
heuristics | + | A greedy heuristic
statistics | + | A test statistic
physics | - | A physic garden
robotics | - | Robotic arms
basic | - | Basics of control
dynamics | - | Dynamic graphs
dynamic | - | The dynamics of training
mathematics | - | mathematic
tactic | + | Proof tactics
lyrics | + | A lyric
harmonic | + | Spherical harmonics
spherical harmonics | + | each spherical harmonic
epidemic | + | Forecasting epidemics
ethics | - | an ethic
mechanic | - | quantum mechanics
quantum | - | Vacuum quanta
focus | - | Foci of attention
virus | + | Viruses
status | + | statuses
corpus | + | corpuses
datum | - | Data
data | - | A datum
dataset | + | Data sets
medium | - | Social media
eigenbasis | + | eigenbases
photosynthesis | + | photosyntheses
submatrix | + | All submatrices
codex | - | codices
apex | + | apexes
suffix | + | suffixes
prefix | + | prefixes
mapping | + | mappings
series | + | a series
species | + | species
lens | + | lenses
lens | - | len of a list
gas | + | gases
canvas | + | canvases
always | - | alway
chaos | - | chao
cosmos | - | cosmo
child | + | children
foot | + | feet
mouse | + | mice
neural nets | + | A neural net
knife | - | knives
proof | + | proofs
leaf | + | leaves
axis | + | axes
crisis | + | crises
emphasis | + | emphases
thesis | + | theses
oasis | + | oases
ellipsis | + | ellipses
synopsis | + | synopses
neurosis | + | neuroses
prognosis | + | prognoses
bus | + | buses
modelling | + | Modeling language
modeling | + | Modelling language
world modelling | - | world models
optimisation | + | Optimization of hulls
convex optimization | + | Convex optimisation
optimizer | + | The optimiser
optimizers | + | An optimiser
behaviour | + | Emergent behaviors
behavior cloning | + | Behaviour cloning
behavioral cloning | + | Behavioural cloning
colour | + | Color constancy
colorization | + | Colourisation of film
image colorization | + | image colourization
data-centric | - | data-centre
labelled data | + | labeled data
unlabeled data | + | unlabelled data
labeling | + | labelling
generalise | + | Generalize
generalization | + | Generalisation bounds
analyse | + | Analyze
tumour | + | Brain tumors
brain tumor | + | brain tumours
nearest neighbour | + | k-nearest neighbor
catalogue | + | A catalog
dialogue | + | Dialog systems
dialog system | + | dialogue systems
Prolog | - | A prologue
defence | + | adversarial defenses
defense | + | Defence against poisoning
organisation | + | Self-organization
summarisation | + | Text summarization
tokenisation | + | Tokenization
tokenizer | + | Tokeniser
quantisation | + | Quantization
localisation | + | Localization
visualisation | + | Visualization
regularised | + | Regularized
rise | - | The rize
exercise | + | exercises
grey | + | gray box
gray-box attack | + | Grey-box attacks
greyscale | + | grayscale images
programme | + | program synthesis
judgement | + | human judgments
LLM-as-a-judge | + | LLM as a judge
LLM-as-a-judge | - | LLMs as judges
artefact | + | Artifacts of compression
licence plate | + | license plates
signal | - | signalling
signaling | + | signalling
parallelise | + | parallelize
catalyse | + | catalyze
practise | + | practice
metre | + | a meter
fibre | + | fiber bundle
theatre | + | theater
aeroplane | - | airplane
artificial intelligence | - | artifical intelligence
fulfilment | + | fulfillment
skilful | + | skillful
learnt | - | learned
travelling salesman problem | + | Traveling salesman problems
cancelled | + | canceled
pretrained | + | pre-trained
pre-trained language model | + | Pretrained language models
pretrained language model | + | pre-trained-language-models
co-training | + | Cotraining
non-linear | + | Nonlinear
nonlinear | + | non linear
code base | + | codebase
code-base | + | code bases
zero shot | + | zero-shot
zeroshot | + | zero-shot
self supervised | + | Self-supervised
selfsupervised | + | self-supervised
end2end | - | end-to-end
end-to-end | + | End to end
text-to-image | - | Text/image
GPT 4 | - | GPT-4o
GPT-4o | + | GPT 4o
Llama2 | + | Llama 2
Llama 2 | + | LLaMA-2
Llama-2 | + | Llama-2-7B
Llama 2 | - | Llama 3
Llama | - | Llama2
3D | + | 3-D
3-D | + | 3D
3D | - | 2D
2D | - | 12D
3D reconstruction | + | 3-D reconstruction
v1.5 | + | LLaVA-v1.5
LLaVA-1.5 | + | LLaVA 1.5
LLaVA-1 | - | LLaVA-1.5
GPT-3.5 | + | GPT 3.5
GPT-3.5 | - | GPT-3
R | + | in R code
R | - | in Rust
C# | - | in C
C | - | C++
Q-learning | + | Q learning
Q-learning | + | Deep Q-Learning
Qlearning | + | Q-learning
BERT | - | \textsc{Bert}
k-means | + | $k$-means clustering
kmeans | + | k-means
$k$-means | + | k-means
k-NN | + | kNN
kNN | + | $k$-NN
alpha-divergence | + | $\alpha$-divergence
math | - | $x^2$
L1 | + | $\ell_1$
Poincaré | + | Poincar\'e
Schrödinger bridge | + | Schr\"odinger bridges
Schrodinger bridge | + | Schrödinger bridge
Hölder | + | H\"{o}lder
Erdős–Rényi | + | Erd\H{o}s-R\'enyi
Erdos-Renyi | + | Erdős–Rényi
flow matching | + | ﬂow matching
LLM | + | ＬＬＭ
attention | + | at­tention
Adam | + | Adam's step size
Adam | + | Adam’s step size
models | + | models’ outputs
model | + | the models' outputs
bird's-eye view | + | bird’s eye view
bird's-eye view | + | birds eye view
bird's eye view | + | BEV
BEV | + | Bird's-Eye-View
RAG | - | rag
rag | + | RAG
RAG | + | retrieval augmented generation
RAG | + | Retrieval-Augmented-Generation
retrieval augmented generation | + | RAGs
large language models | + | LLMs
LLMs | + | large language model
large language model agents | + | LLM agents
LLM agents | + | large-language-model agents
multi-agent RL | + | multi-agent reinforcement learning
multi-agent reinforcement learning | + | multi-agent RL
RAG evaluation | - | evaluating RAG
RAG evaluation | + | retrieval-augmented generation evaluation
offline RL | + | offline reinforcement learning
offline reinforcement learning | + | offline RL
deep RL | + | deep reinforcement learning
deep reinforcement learning | + | deep RL
vision-language model | + | VLMs
vision-language model | - | vision-language-action models
vision-language | + | vision-language-action models
LLM | - | RLHF-trained
RLHF | + | RLHF-trained
IR | + | LLM-IR
NER | - | NERF
NER | - | NeRF
NeRF | - | NER
ViT | + | ViTs
ViT | - | vit
DiT | - | dit
CoT | - | cot
CoT | + | chain-of-thoughts
CoT | + | chains of thought
chain of thought | + | CoTs
mixture of experts | + | mixtures of experts
mixture-of-experts | + | MoEs
MoE | + | mixture of expert models
MDP | + | Markov decision processes
GNN | + | graph neural networks (GNNs)
graph neural network | + | Graph Neural Networks (GNNs)
graph neural network | - | graphs. Neural network
chain-of-thought reasoning | + | chain-of-thought (CoT) reasoning
vision-language-action models | + | Vision-Language-Action (VLA) models
diffusion model | - | diffusion, model
supervised | - | unsupervised
art | - | smart
state of the art | + | state-of-the-art
SOTA | + | state-of-the-art
SoTA | + | SOTA
DeepSeek | + | Deep Seek
DeepSeek-R1 | + | DeepSeek R1
DeepSeek | + | DeepSeek-R1
DeepSeek-R1 | - | DeepSeek-V3
word | + | "word"
prompt tuning | + | “prompt tuning”
R&D | + | R & D
AT&T | - | at t
model* | + | modelling
agent | + | agents'
machine learning | + | ML
ML | + | machine-learning
AI | + | A.I.
U-Net | + | UNet
U-Net | + | U-Nets
UNet | + | U-Net
ResNet-50 | + | ResNet50
word2vec | + | word2vec
word2vec | + | word-2-vec
seq2seq | - | sequence-to-sequence
image-text | + | image–text pairs
image-text | + | image/text pairs
image text | + | image—text
low-rank | + | low‑rank
日本語 | + | 日本語の文
машинное обучение | + | Машинное обучение
ё | + | е
robot learning | - | robots learning
large language model | - | large languages models
time series | + | time-series forecasting
time-series | + | timeseries
time | + | times
news | - | new
lass | - | las
pass | - | pas
bias-variance | + | bias/variance
in-context learning | + | ICL
self-attention | + | self attention
multi-head attention | + | MHA
cross-lingual | + | crosslingual
crosslingual | + | cross lingual
e-mail | + | email
on-line learning | + | online learning
SLM | - | SLaM
MLLM | + | MLLMs
LLM | - | MLLM
LLM | - | VLLM
LMM | - | LLM
LLM | + | LLM's
LLM | + | LLMs'
LLM | - | LLM2
US | - | us
ICA | - | Ica
e.g. | + | e.g.
AlphaFold | + | Alpha Fold
AlphaFold 2 | + | AlphaFold2
AlphaFold2 | - | AlphaFold 3
half | + | halves
process | - | proces
gradient descent | - | gradients descent
human-robot interaction | + | human–robot interaction
transformers | + | Transformer-based
Transformer | - | transformerless
net | + | nets
nn | + | NNs
LSTM | + | long short term memory
LSTM | + | LSTMs
long short-term memory | + | LSTM
GAN | + | GANs
GAN | - | gan
gan | + | GAN
WGAN | - | GAN
GAN | - | WGAN
StyleGAN | + | Style GAN
CLIP | - | clip
SAM | - | sam
RAG | + | RAG-based
RAG | + | Graph-RAG
RAG | - | GraphRAG
GraphRAG | + | Graph RAG
agentic RAG | + | agentic retrieval-augmented generation
# marks
robot* | + | Robotics now
robot* | + | A robot walks
robot* | - | A bot walks
multi-agent* | + | Multi-agents walk
finetun* | + | Fine-tuned robots
agent~ | + | Agentic flows
agent~ | - | Agency
prune~ | + | Pruning heads
prune~ | + | Pruned heads
generate~ | - | General relativity
optimize~ | + | An optimizer
# formulas, as the mail shows them
Fe2O3 | + | On Fe$_2$O$_3$ films
C60 | + | The C$_{60}$ ball
NO2 | + | NO₂ over cities
SrTiO3 | + | Light on $\mathrm{SrTiO}_3$
l1 norm | + | Bounds for the $\ell_1$ norm
L2 loss | + | An $L^2$ loss
H2 | + | Storage of $\mathrm{H}_{2}$
CO2 | - | CO$_3$ and 2 others
$\ell_1$ norm | + | An l1 norm
CO$_2$ | + | CO2 capture
=CO2 | + | The CO$_2$ of caves
# Greek letters have names
alpha-divergence | + | An α-divergence
TNF-α | + | TNF-alpha in mice
σ-algebra | + | Two sigma-algebras
κ-casein | + | kappa-casein of goats
pi0 | + | The $\pi_0$ robot
Delta baryon | + | A Δ baryon
IFN-gamma | + | IFN-γ and age
$\lambda$-calculus | + | On lambda calculus
beta | - | αβ T cells
mum | - | A film of 5 μm
Ωmega | - | Megaohm
# scripts without blanks
แมว | + | หมาและแมวน้อย
ข้าวโพด | + | การปลูกข้าวโพดในไร่
ป่า | - | ป้าของฉัน
ພາສາລາວ | + | ການຮຽນພາສາລາວໃນບ້ານ
မြန်မာ | + | ကျွန်တော်မြန်မာစကားပြော
ភាសាខ្មែរ | + | រៀនភាសាខ្មែរនៅផ្ទះ
ភាសា | - | ភាស
コーヒー | + | アイスコーヒー入門
ニューラルネット | + | ニューラル・ネット入門
# signs that make another letter, and those that do not
दान | - | दिन की बात
काल | - | कल की बात
हिन्दी | + | हिन्दी भाषा
বাংলা | + | বাংলা ভাষা
கல் | - | கால் வலி
తెలుగు | + | తెలుగు భాష
മലയാളം | + | മലയാളം പഠനം
май | - | маи
ёлка | + | елка зимой
שלום | + | שָׁלוֹם לך
كتاب | + | كِتَاب قديم
ガラス | - | カラス
# inside words
Alzheimer | + | Alzheimerʼs at forty
Huntington | + | Huntington´s and others
scikit-learn | + | With scikit_learn today
scikit_learn | + | On scikit-learn
EU | + | Farming in the E.U. today
A.I. | + | Law for AI
AI | + | Law for A.I.
MSc | - | M. Scholar
DPhil | - | D. Phil
PhD | + | Two Ph.D. students
colleccio | + | Una col·lecció de cançons
A* | + | Faster A* search
A* | + | An $A^\star$ for maps
A* | - | A search
Q* | + | Learning $Q^*$
C*-algebra | + | Two C$^*$-algebras
A* search | + | A* searches in mazes
# a phrase does not begin inside a word with hyphens
world model | - | Tests of open-world models
series model | - | A time-series model
world model | + | A world-model of mice
policy optimization | + | On proximal-policy-optimization
tree search | + | Monte-Carlo tree search
optimization | + | On policy-optimization at scale
"""

CASES: dict[str, list[tuple[str, str, str]]] = {}
"""By what they are about."""

for line in _CASES.strip().splitlines():
    if line.startswith("# "):
        CASES[line[2:]] = about = []
    else:
        keyword, sign, text = (part.strip() for part in line.split(" | "))
        about.append((keyword, sign, text))


def test_there_are_three_hundred_different_cases() -> None:
    cases = [case for cases in CASES.values() for case in cases]
    assert len(set(cases)) == len(cases) >= 300


@pytest.mark.parametrize("about", CASES)
def test_spelling(about: str) -> None:
    wrong = [
        (keyword, sign, text)
        for keyword, sign, text in CASES[about]
        if is_found(keyword, text) is not (sign == "+")
    ]
    assert wrong == []


def is_found(keyword: str, text: str) -> bool:
    """Tell whether a topic with this keyword finds a paper of this title."""
    item = keyword if keyword.startswith("=") or keyword[-1] in "*~" else f'"{keyword}"'
    topic = parse_topic({"name": "x", "any": [item]})
    return match_topic(topic, fold_entry(make_entry(title=text))) is not None
